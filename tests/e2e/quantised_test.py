"""Linears with weights in blocks of integers against the oracle in f64: rows of every number, on every kind of machine (emulated
where this is another)."""
import random
import struct
import unittest

from support import EndToEnd, for_target, run, with_amx, HEED

# 13 blocks of 32, in more than one pass; 5 panels of 16 outputs, the last half full, and one.
IN, OUT, PART = 416, 72, 16
# GGUF's numbers of the types, and what a block holds: f16 numbers, then bytes.
TYPES = {"q4_0": (2, 1, 16), "q4_1": (3, 2, 16), "q8_0": (8, 1, 32)}
MODEL = f"""model: quantised
weights: w.gguf
dims: {{row: any, in: {IN}, out: {OUT}, part: {PART}}}
inputs:
  x: f32[row, in]
outputs:
""" + "".join(f"  {name}: [x, {{linear: {name}, out: {'part' if name == 'both' else 'out'}}}]\n" for name in [*TYPES, "both"])


def write_gguf(path):
    """A weight of each type, and one more of Q8_0."""
    draw = random.Random(7)
    data, header = b"", b""
    tensors = [(name, *TYPES[name], OUT) for name in TYPES] + [("both", *TYPES["q8_0"], PART)]
    for name, kind, numbers, size, rows in tensors:
        header += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<IQQIQ", 2, IN, rows, kind, len(data))
        for _ in range(rows * IN // 32):
            # The largest integers too: sums of a block come close to 32 bits.
            block = bytes([draw.choice((0, 255))] * size) if draw.random() < 0.1 else draw.randbytes(size)
            data += struct.pack(f"<{numbers}e", *(draw.uniform(-0.1, 0.1) for _ in range(numbers))) + block
        data += bytes(-len(data) % 32)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 0) + header
    path.write_bytes(header + bytes(-len(header) % 32) + data)


class Quantised(EndToEnd):
    def compare(self, atom, target):
        """As f32: within 2e-6 of the largest output. `atom` multiplies rows of two and more."""
        path = self.folder / "quantised.yaml"
        write_gguf(self.folder / "w.gguf")
        path.write_text(MODEL)
        scheduled = run(HEED, "ir", path, "--stage=scheduled", f"--target={target}").stdout.decode()
        self.assertEqual(scheduled.count(f'linear_schedule<atom = "{atom}"'), scheduled.count("attn.fused_linear"))
        program, environment = self.build(path, *for_target(target)), None
        if atom.startswith("amx"):
            program, environment = with_amx(program)
        # Tails of tiles of every size, and a block and more.
        self.assertEqualsOracle(path, program, [1, 2, 9, 17, 33] + [300] * (environment is None), 2e-6, environment)

    def test_multiply_adds(self):
        self.compare("fma_f32", "x86-64-v3")

    def test_bytes(self):
        self.compare("dpbusd", "znver5")

    def test_amx(self):
        self.compare("amx_int8", "graniterapids")


if __name__ == "__main__":
    unittest.main()
