"""heed explain's figures of pairs, operations and bytes against counting pair by pair, on random masks and lengths."""
import json
import pathlib
import random
import tempfile
import unittest

from support import HEED, plain_attentions, run


def mask_of(rng):
    """A random mask in heed's words."""
    m, n = rng.choice([2, 3, 4, 8]), rng.choice([16, 24, 64])
    w, c = rng.randint(1, 70), rng.randint(0, 5)
    parts = [f"q - kv < {w}", f"(q - kv) mod {m} == 0", f"q floordiv {n} == kv floordiv {n}", f"kv < {c}",
             f"q floordiv {m} - kv floordiv {m} <= 1", f"kv mod {n} >= {n - 3}", f"q - kv < {w} and (q - kv) mod {m} == 0"]
    one, two = rng.sample(parts, 2)
    return "kv <= q and " + rng.choice([one, f"({one} or {two})"])


def allowed(mask, queries, keys):
    test = eval("lambda q, kv: " + mask.replace("floordiv", "//").replace("mod", "%"))
    return sum(test(q, kv) for q in range(queries) for kv in range(keys))


# No closed formula and no rows are found of it in reasonable time.
HARD = ("kv <= q and ((-3 <= q mod 8 - kv mod 8 <= 0 and (q floordiv 128) floordiv 3 == (kv floordiv 128) floordiv 3) or "
        "((q mod 64 == kv mod 64 or 0 <= q - kv < 15) or ((q mod 8) * 2 >= kv mod 8 and kv mod 4 <= h)))")
HARD_MODEL = plain_attentions([HARD], 4, 16)


class Costs(unittest.TestCase):
    def explain(self, yaml, length):
        with tempfile.TemporaryDirectory(prefix="heed-costs-") as folder:
            model = pathlib.Path(folder) / "model.yaml"
            model.write_text(yaml)
            return json.loads(run(HEED, "explain", model, "--json", "--length", length, "--target=x86-64-v4").stdout)

    def test_too_complex(self):
        # Counted pair by pair, or said to be an upper bound.
        for length in (1, 60, 200):
            pairs = sum(allowed(HARD.replace("<= h", f"<= {h}"), length, length) for h in range(4))
            found = self.explain(HARD_MODEL, length)
            for cost in found["costs"]:
                self.assertNotIn("at most", cost)
                self.assertEqual((cost["allowed pairs"], cost["attention flop"]), (pairs, 64 * pairs))
            self.assertIn(f" keys: {pairs} pairs allowed", str(found["remarks"]))
        found = self.explain(HARD_MODEL, 5000)
        for cost in found["costs"]:
            self.assertIs(cost["at most"], True)
            self.assertEqual(cost["allowed pairs"], cost["visited pairs"])
        self.assertIn(" keys: at most ", str(found["remarks"]))

    def test_attentions(self):
        rng = random.Random(11)
        for _ in range(30):
            mask, length = mask_of(rng), rng.randint(1, 300)
            heads, head = rng.choice([1, 2, 6]), rng.choice([8, 64])
            # Of one sequence, which has a closed formula, or of two.
            keys = rng.choice(["q", "kv"])
            with self.subTest(mask=mask, length=length, heads=heads, head=head):
                costs = self.explain(plain_attentions([mask], heads, head, "q", keys), length)["costs"]
                model = costs[-1]
                pairs = heads * allowed(mask, length, length)
                self.assertEqual(model["allowed pairs"], pairs)
                self.assertEqual(model["attention flop"], 4 * head * pairs)
                self.assertGreaterEqual(model["visited pairs"], pairs)
                # Each visited pair of a tile of n queries is 1 / n of a key and a value read.
                self.assertLessEqual(model["key and value bytes"], model["visited pairs"] * head * 8)
                self.assertGreater(model["key and value bytes"] + (pairs == 0), 0)
                self.assertEqual((model["linear flop"], model["cache bytes of a row"]), (0, 0))

    def test_windows_by_head(self):
        """Heads with bounds of their own are counted one by one."""
        costs = self.explain(plain_attentions(["kv <= q and q - kv < window[h]"], 3, 16, more="let: {window: [4, 32, 100]}\n"),
                             150)["costs"]
        pairs = sum(allowed(f"kv <= q and q - kv < {w}", 150, 150) for w in (4, 32, 100))
        self.assertEqual(costs[-1]["allowed pairs"], pairs)

    def test_decoder(self):
        """Layers of sums: causal, 2 m n k of each linear, and what a cache keeps of a position."""
        source = pathlib.Path(__file__).resolve().parents[2] / "examples" / "sums" / "sums.yaml"
        costs = json.loads(run(HEED, "explain", source, "--json", "--length", 40).stdout)["costs"]
        layers = [cost for cost in costs if cost["name"].startswith("layer")]
        self.assertTrue(layers)
        for layer in layers:
            self.assertEqual(layer["allowed pairs"] % (40 * 41 // 2), 0)
            self.assertGreater(layer["cache bytes of a row"], 0)
        for figure in ("allowed pairs", "linear flop", "attention flop", "cache bytes of a row"):
            self.assertEqual(sum(cost[figure] for cost in costs[:-1]), costs[-1][figure])


if __name__ == "__main__":
    unittest.main()
