"""Linears of f32 in parts of bf16 or f16 on AMX (--numerics=bf16x6), and of weights of f16 by rows in f16 (--numerics=bf16), against
sums in f64; emulated where there is no AMX."""
import array
import json
import math
import random
import re
import struct
import unittest

from support import HEED, EndToEnd, for_target, read_npy, run, with_amx, write_npy

OUT = 72  # five panels of 16 outputs, the last half full
STORED = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
APART = "--disable=merge-linears"  # linears of one storage type each
# A third of what docs/numerics.md promises: a product of parts that is lost shows.
TOLERANCE = 3e-7


def stored(value, kind):
    """A number's bytes in a weight, and what they mean."""
    if kind == "bf16":
        data = struct.pack("<f", value)[2:]
        return data, struct.unpack("<f", b"\0\0" + data)[0]
    code = {"f32": "<f", "f16": "<e"}[kind]
    data = struct.pack(code, value)
    return data, struct.unpack(code, data)[0]


def write_model(folder, depth):
    """A linear of each storage type over the same x; returns the model file and the weights as [name][out][in]."""
    draw, header, data, weights = random.Random(depth), {}, b"", {}
    for kind, name in STORED.items():
        numbers = [stored(draw.gauss(0, 1), kind) for _ in range(OUT * depth)]
        begin = len(data)
        data += b"".join(raw for raw, _ in numbers)
        header[kind] = {"dtype": name, "shape": [OUT, depth], "data_offsets": [begin, len(data)]}
        weights[kind] = [[value for _, value in numbers[i:i + depth]] for i in range(0, OUT * depth, depth)]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / f"w{depth}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    path = folder / f"parts{depth}.yaml"
    path.write_text(f"model: parts\nweights: w{depth}.safetensors\ndims: {{row: any, in: {depth}, out: {OUT}}}\n"
                    "inputs:\n  x: f32[row, in]\noutputs:\n" +
                    "".join(f"  {kind}: [x, {{linear: {kind}, out: out}}]\n" for kind in STORED))
    return path, weights


class Parts(EndToEnd):
    def outputs(self, path, rows, *flags, numerics="bf16x6"):
        """What the program of a model gives for rows of x: {name: rows}."""
        flags = [f"--numerics={numerics}", *flags]
        scheduled = run(HEED, "ir", path, "--stage=scheduled", "--target=graniterapids", *flags).stdout.decode()
        atoms = re.findall(r'linear_schedule<atom = "(\w+)"', scheduled)
        whole = "amx_" + numerics
        expected = [whole, {"bf16x6": "amx_f16x2", "bf16": "amx_f16"}[numerics], whole] if APART in flags else [whole]
        self.assertEqual(atoms, expected)
        program, environment = with_amx(self.build(path, *for_target("graniterapids"), *flags))
        write_npy(self.folder / "x.npy", (len(rows), len(rows[0])), [value for row in rows for value in row], "f")
        files = {kind: self.folder / f"{kind}.npy" for kind in STORED}
        run(program, "run", "--in", f"x={self.folder}/x.npy", *(w for k, f in files.items() for w in ("--out", f"{k}={f}")), env=environment)
        return {kind: read_npy(file) for kind, file in files.items()}

    def worst(self, rows, weights, found, least=0.0):
        """The largest error relative to its sum of |x w|; with `least`, that times the sum of |w| may be lost."""
        worst = 0.0
        for kind, weight in weights.items():
            for i in {*range(0, len(rows), max(len(rows) // 8, 1)), len(rows) - 1}:
                for j, column in enumerate(weight):
                    products = [x * w for x, w in zip(rows[i], column)]
                    lost = abs(math.fsum(products) - found[kind].row(i)[j]) - least * math.fsum(map(abs, column))
                    self.assertEqual(lost, lost, f"{kind}: row {i}, output {j}")
                    worst = max(worst, lost / math.fsum(map(abs, products)))
        return worst

    def draw(self, count, depth, size=1.0):
        draw = random.Random(count)
        return [array.array("f", (size * draw.gauss(0, 1) for _ in range(depth))) for _ in range(count)]

    def test_errors_are_those_of_f32(self):
        # One pair; the last tile filled in part, and two passes; whole tiles, so that weights of bf16 are read in place.
        for depth in (2, 200, 416):
            path, weights = write_model(self.folder, depth)
            for flags in ([], [APART]):
                for count in (1, 2, 17, 33, 300):
                    rows = self.draw(count, depth)
                    worst = self.worst(rows, weights, self.outputs(path, rows, *flags))
                    print(f"{count} rows, {depth} deep {' '.join(flags)}: {worst:.1e}")
                    self.assertLessEqual(worst, TOLERANCE, f"{count} rows, {depth} deep {flags}")

    def test_small_numbers_lose_what_is_no_normal_number(self):
        path, weights = write_model(self.folder, 200)
        rows = self.draw(5, 200, 1e-35)
        found = self.outputs(path, rows, APART)
        self.assertLessEqual(self.worst(rows, weights, found, 2.0**-125), TOLERANCE)
        # A row in f16 is scaled.
        self.assertLessEqual(self.worst(rows, {"f16": weights["f16"]}, found), TOLERANCE)

    def test_infinities_become_nan_in_their_row_alone(self):
        path, weights = write_model(self.folder, 200)
        rows = self.draw(20, 200)
        rows[3][7], rows[4][199], rows[18][0] = math.inf, math.nan, 3.4e38
        found = self.outputs(path, rows)
        for kind in STORED:
            for i in (3, 4, 18):
                self.assertTrue(all(map(math.isnan, found[kind].row(i))), f"{kind}: row {i}")
        apart = self.outputs(path, rows, APART)["f16"]
        self.assertFalse(any(map(math.isnan, apart.row(18))))
        for i in (3, 4):
            self.assertFalse(any(map(math.isfinite, apart.row(i))), f"row {i}")
        rest = [i for i in range(20) if i not in (3, 4, 18)]
        for kind in STORED:
            for i in rest:
                self.assertTrue(all(map(math.isfinite, found[kind].row(i))), f"{kind}: row {i}")
        self.assertTrue(all(math.isfinite(value) for i in rest for value in apart.row(i)))

    def test_rows_in_f16_round_once(self):
        for depth in (2, 200, 416):
            path, weights = write_model(self.folder, depth)
            for count, size in ((2, 1.0), (33, 1e6), (300, 1e-9)):
                rows = self.draw(count, depth, size)
                worst = self.worst(rows, {"f16": weights["f16"]}, self.outputs(path, rows, APART, numerics="bf16"))
                print(f"{count} rows of {size:g}, {depth} deep in f16: {worst:.1e}")
                self.assertLessEqual(worst, 2.0**-11 + TOLERANCE, f"{count} rows of {size:g}, {depth} deep")


if __name__ == "__main__":
    unittest.main()
