"""Masks made by adding a large negative number, in half precision, beside heed's on the same scores.

The additive form is what many programs compute: float16(score + mask), then a softmax. The oracle evaluates it in f64, with
scores rounded to half precision, and shows it to go wrong; the executable, whose masked weights are exactly 0, is exact.
"""
import math
import unittest

from support import ORACLE, EndToEnd, read_npy, run, words, write_npy

HEAD = 64


class Pitfalls(EndToEnd):
    def attention(self, mask, scores):
        """A model of one attention with this mask, and inputs by which each row of scores is a query's and value j is the unit vector
        of key j: an output row is a row of weights."""
        path = self.folder / f"{mask.encode().hex()}.yaml"
        path.write_text(f"model: pitfall\ndims: {{q: any, kv: any, head: {HEAD}}}\n"
                        "inputs:\n  q: f32[q, head]\n  k: f32[kv, head]\n  v: f32[kv, head]\n"
                        f"outputs:\n  out:\n    - attention: {{q: q, k: k, v: v, mask: {mask}}}\n")
        count = len(scores[0])
        # k is the unit matrix, so that a query's elements are its scores; the scale is 1 / 8.
        pad = [0.0] * (HEAD - count)
        unit = [[float(i == j) for i in range(HEAD)] for j in range(count)]
        inputs = {name: self.folder / f"{name}.npy" for name in "qkv"}
        for name, rows in (("q", [[8 * s for s in row] + pad for row in scores]), ("k", unit), ("v", unit)):
            write_npy(inputs[name], (len(rows), HEAD), [x for row in rows for x in row], "f")
        return path, inputs

    def rows(self, count):
        out = read_npy(self.folder / "out.npy")
        return [list(out.row(i))[:count] for i in range(out.shape[0])]

    def attend(self, mask, scores):
        """What the executable makes of it."""
        path, inputs = self.attention(mask, scores)
        program = self.build(path, name=path.stem)
        run(program, "run", *words("--in", inputs), "--out", f"out={self.folder}/out.npy")
        return self.rows(len(scores[0]))

    def additive(self, mask, scores, added):
        """What the oracle makes of it where `added` is added to forbidden scores, in half precision."""
        path, inputs = self.attention(mask, scores)
        run(ORACLE, path, *words("--inputs", inputs), "--outputs", f"out={self.folder}/out.npy",
            f"--additive-mask={added}", "--score-type=f16")
        return self.rows(len(scores[0]))

    def test_ten_thousand_is_not_infinity(self):
        # The later key scores 12000, the own one -9000: minus 10000 leaves the later one on top.
        scores = [[-9000, 12000], [0, 0]]
        self.assertEqual(self.additive("kv <= q", scores, "-1e4")[0], [0, 1])
        self.assertEqual(self.attend("kv <= q", scores)[0], [1, 0])

    def test_a_score_of_more_than_half_precision_holds(self):
        # 70000 is infinity in half precision: the row that sees only that key has no weights.
        scores = [[70000, 0], [0, 0]]
        self.assertTrue(all(map(math.isnan, self.additive("kv <= q", scores, "-1e4")[0])))
        self.assertEqual(self.attend("kv <= q", scores)[0], [1, 0])

    def test_the_largest_half_overflows(self):
        # -65504 - 1000 is -infinity, and infinity - infinity is no number.
        scores = [[-1000, -1000], [3, 5]]
        self.assertTrue(all(map(math.isnan, self.additive("kv < q", scores, "-65504")[0])))
        self.assertEqual(self.attend("kv < q", scores), [[0, 0], [1, 0]])

    def test_two_masks_added_overflow(self):
        scores = [[1, 2], [0, 0]]
        mask = "kv < q and q - kv < 2"
        self.assertTrue(all(map(math.isnan, self.additive(mask, scores, "-65504,-65504")[0])))
        self.assertEqual(self.attend(mask, scores)[0], [0, 0])

    def test_a_row_that_sees_nothing_is_no_mean(self):
        # All keys forbidden: the additive form gives the mean of the values, as if nothing were masked.
        scores = [[1] * 4] * 4
        self.assertEqual(self.additive("kv < q", scores, "-1e4")[0], [0.25] * 4)
        self.assertEqual(self.attend("kv < q", scores)[0], [0] * 4)

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
