"""Masks made by adding a large negative number, in half precision, beside heed's on the same scores.

The additive form is what many programs compute: float16(score + mask), then a softmax. It is shown to go wrong; the
executable, whose masked weights are exactly 0, gives the exact answer.
"""
import math
import struct
import unittest

from support import EndToEnd, read_npy, run, write_npy

HEAD = 64
INFINITY = float("inf")


def half(x):
    """x rounded to float16, as the hardware does it."""
    try:
        return struct.unpack("e", struct.pack("e", x))[0]
    except OverflowError:
        return math.copysign(INFINITY, x)


def additive(scores, *masks):
    """The weights of a row of float16 scores after adding rows of masks, as softmax of what they have become."""
    row = [half(score) for score in scores]
    for mask in masks:
        row = [half(score + half(value)) for score, value in zip(row, mask)]
    most = max(row)
    parts = [math.nan if math.isinf(score) and score == most else math.exp(score - most) for score in row]
    return [part / math.fsum(parts) for part in parts]


class Pitfalls(EndToEnd):
    def attend(self, mask, scores):
        """Rows of outputs of one query for each row of scores; value j is the unit vector of key j."""
        path = self.folder / "model.yaml"
        path.write_text(f"model: pitfall\ndims: {{q: any, kv: any, head: {HEAD}}}\n"
                        "inputs:\n  q: f32[q, head]\n  k: f32[kv, head]\n  v: f32[kv, head]\n"
                        f"outputs:\n  out:\n    - attention: {{q: q, k: k, v: v, mask: {mask}}}\n")
        program = self.build(path, name=mask.encode().hex())
        queries, count = len(scores), len(scores[0])
        # k is the unit matrix, so that a query's elements are its scores; the scale is 1 / 8.
        pad = [0.0] * (HEAD - count)
        unit = [[float(i == j) for i in range(HEAD)] for j in range(count)]
        for name, rows in (("q", [[8 * s for s in row] + pad for row in scores]), ("k", unit), ("v", unit)):
            write_npy(self.folder / f"{name}.npy", (len(rows), HEAD), [x for row in rows for x in row], "f")
        run(program, "run", *[w for n in "qkv" for w in ("--in", f"{n}={self.folder}/{n}.npy")], "--out", f"out={self.folder}/out.npy")
        out = read_npy(self.folder / "out.npy")
        return [list(out.row(i))[:count] for i in range(queries)]

    def test_ten_thousand_is_not_infinity(self):
        # The later key scores 12000, the own one -9000: minus 10000 leaves the later one on top.
        weights = additive([-9000, 12000], [0, -1e4])
        self.assertEqual(weights, [0, 1])
        self.assertEqual(self.attend("kv <= q", [[-9000, 12000], [0, 0]])[0], [1, 0])

    def test_the_largest_half_overflows(self):
        # -65504 - 1000 is -infinity, and infinity - infinity is no number.
        weights = additive([-1000, -1000], [-65504, -65504])
        self.assertTrue(all(map(math.isnan, weights)))
        self.assertEqual(self.attend("kv < q", [[-1000, -1000], [3, 5]]), [[0, 0], [1, 0]])

    def test_two_masks_added_overflow(self):
        weights = additive([1, 2], [-65504, -65504], [-65504, -65504])
        self.assertTrue(all(map(math.isnan, weights)))
        self.assertEqual(self.attend("kv < q and q - kv < 2", [[1, 2], [0, 0]])[0], [0, 0])

    def test_a_row_that_sees_nothing_is_no_mean(self):
        # All keys forbidden: the additive form gives the mean of the values, as if nothing were masked.
        weights = additive([1, 1, 1, 1], [-1e4] * 4)
        self.assertEqual(weights, [0.25] * 4)
        self.assertEqual(self.attend("kv < q", [[1] * 4] * 4)[0], [0] * 4)

    def test_the_alignment_of_fewer_queries_than_keys_is_what_the_mask_says(self):
        # Two queries, four keys: positions count from 0 on both sides; from the end where the mask says so.
        first = self.attend("kv <= q", [[0] * 4] * 2)
        last = self.attend("kv <= q + kv_len - q_len", [[0] * 4] * 2)
        self.assertEqual([[x > 0 for x in row] for row in first], [[True] + [False] * 3, [True] * 2 + [False] * 2])
        self.assertEqual([[x > 0 for x in row] for row in last], [[True] * 3 + [False], [True] * 4])

    def test_documents_do_not_see_each_other(self):
        path = self.folder / "documents.yaml"
        path.write_text(f"model: documents\ndims: {{token: any, head: {HEAD}}}\n"
                        "inputs:\n  x: f32[token, head]\n  doc: i32[token]\n"
                        "outputs:\n  out:\n    - attention: {q: x, k: x, v: x, mask: same(doc) and kv <= q}\n")
        program = self.build(path)
        # Lengths that no tile divides; sorted, and interleaved.
        for documents in ([i // 37 for i in range(150)], [i % 3 for i in range(150)], [5 - i // 50 for i in range(150)]):
            write_npy(self.folder / "doc.npy", (150,), documents, "q")
            outs = []
            for change in (0, 9):
                # Only document 1 changes.
                rows = [[math.sin(i * 7 + d) + (change if documents[i] == 1 else 0) for d in range(HEAD)] for i in range(150)]
                write_npy(self.folder / "x.npy", (150, HEAD), [v for row in rows for v in row], "f")
                run(program, "run", "--in", f"x={self.folder}/x.npy", "--in", f"doc={self.folder}/doc.npy", "--out", f"out={self.folder}/o.npy")
                outs.append(read_npy(self.folder / "o.npy"))
            for i in range(150):
                same = outs[0].row(i) == outs[1].row(i)
                self.assertEqual(same, documents[i] != 1, f"token {i} of document {documents[i]}")


if __name__ == "__main__":
    unittest.main()
