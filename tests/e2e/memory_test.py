"""Memory of attention: with fused attention it grows with the length, without with its square."""
import unittest

from support import SOURCE, EndToEnd, Model, peak_bytes

MODEL = SOURCE / "examples/tour/03-masked.yaml"
UNFUSED = "--disable=fuse-mask-softmax,fuse-attention"
ROW = 64 * 4  # bytes of a position of q, of k, of v and of the result


class Memory(EndToEnd):
    def peaks(self, lengths, *flags):
        program = self.build(MODEL, *flags, name="masked" + str(len(flags)))
        for length in lengths:
            files = Model(MODEL).write_inputs(self.folder, {"q": length, "kv": length})
            inputs = [word for name, file in files.items() for word in ("--in", f"{name}={file}")]
            yield peak_bytes(program, "run", *inputs, "--out", f"out={self.folder}/out.npy")

    def test_fused_attention_grows_linearly(self):
        lengths = (8192, 16384, 32768)
        short, middle, long = self.peaks(lengths)
        self.assertLess((long - middle) / (middle - short), 2.4)
        # Four arrays, once in files and once in the model; far from the 1 GB of one [16384, 16384] f32.
        self.assertLess(middle - short, 1.25 * 8 * ROW * (lengths[1] - lengths[0]))
        self.assertLess(middle, 100 << 20)

    def test_attention_that_is_not_fused_grows_with_the_square(self):
        lengths = (4096, 8192, 16384)
        short, middle, long = self.peaks(lengths, UNFUSED)
        self.assertGreater((long - middle) / (middle - short), 3.4)
        # The scores alone: [length, length] f32.
        self.assertGreater(long - middle, 4 * (lengths[2] ** 2 - lengths[1] ** 2))


if __name__ == "__main__":
    unittest.main()
