"""Memory of attention: with fused attention it grows with the length, without with its square."""
import unittest

from support import SOURCE, EndToEnd, Model, peak_bytes

MODEL = SOURCE / "examples/tour/03-masked.yaml"
UNFUSED = "--disable=fuse-mask-softmax,fuse-attention"
LENGTHS = (4096, 8192, 16384)


class Memory(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.inputs = {}
        for length in LENGTHS:
            folder = cls.folder / str(length)
            folder.mkdir()
            files = Model(MODEL).write_inputs(folder, {"q": length, "kv": length})
            cls.inputs[length] = [word for name, file in files.items() for word in ("--in", f"{name}={file}")]

    def peaks(self, *flags):
        program = self.build(MODEL, *flags, name="masked" + str(len(flags)))
        return [peak_bytes(program, "run", *self.inputs[length], "--out", f"out={self.folder}/out.npy") for length in LENGTHS]

    def test_fused_attention_grows_linearly(self):
        short, middle, long = self.peaks()
        # q, k, v and the result, once as files and once as the model's: 8 arrays of [length, 64] f32.
        self.assertLess(long - middle, 8 * 64 * 4 * (LENGTHS[2] - LENGTHS[1]) * 1.25)
        self.assertLess((long - middle) / (middle - short), 2.6)

    def test_attention_that_is_not_fused_grows_with_the_square(self):
        short, middle, long = self.peaks(UNFUSED)
        # The scores alone: [length, length] f32.
        self.assertGreater(long - middle, 4 * (LENGTHS[2] ** 2 - LENGTHS[1] ** 2))
        self.assertGreater((long - middle) / (middle - short), 3.4)


if __name__ == "__main__":
    unittest.main()
