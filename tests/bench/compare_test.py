"""bench/compare where there is no peer and no network: what it lists, measures and says."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HEED = pathlib.Path(os.environ.get("HEED_BUILD", SOURCE / "build")) / "tools" / "heed"
sys.path.insert(0, str(SOURCE / "bench"))
from compare_harness import measure, page, rows, table  # noqa: E402


class Compare(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="heed-compare-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def compare(self, *words, code=0):
        done = subprocess.run([sys.executable, SOURCE / "bench/compare", "--heed", HEED, *map(str, words)], capture_output=True,
                              text=True, timeout=300, env={**os.environ, "HEED_CACHE": str(self.folder / "cache")})
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_the_rows_are_listed(self):
        names = self.compare("--list").stdout.splitlines()
        self.assertEqual(len(names), len(set(names)))
        for name in ("attention f32 window D=64 S=8192", "attention bf16 causal D=128 S=2048", "linear bf16 2048x2048x2048",
                     "attention f32 documents D=64 S=2048", "minilm f32 batch 32 of 128"):
            self.assertIn(name, names)
        quick = self.compare("--list", "--quick").stdout.splitlines()
        self.assertTrue(set(quick) < set(names))
        self.assertEqual(self.compare("--list", "--rows", "softcap f32").stdout.splitlines(),
                         ["attention f32 causal softcap D=64 S=2048", "attention f32 causal softcap D=128 S=2048"])

    def test_peers_that_are_absent_say_so_and_heed_is_measured(self):
        out = self.folder / "out.json"
        done = self.compare("--tiny", "--no-install", "--rounds", 2, "--json", out)
        measured = json.loads(out.read_text())
        self.assertEqual([result["row"] for result in measured["results"]],
                         ["attention f32 causal D=32 S=48", "linear f32 16x32x48"])
        for result in measured["results"]:
            self.assertEqual(len(result["heed"]["times"]), 2)
            self.assertGreater(result["fma_peak"], 1)
            self.assertTrue(0.3 < result["bound_of_peak"] < 1.3)
            share, of_bound = (float(cell.split()[0]) for cell in table.shares(result))
            self.assertAlmostEqual(share / of_bound, result["bound_of_peak"], delta=2 / of_bound)
            self.assertTrue(0 < table.rate(result, result["heed"]) < 2 * result["fma_peak"])
            self.assertEqual({part["note"] for part in result["peers"].values()}, {"not installed"})
        for title in ("torch", "FlexAttention", "OpenVINO", "ONNX Runtime", "IREE"):
            self.assertIn(f"{title}: not installed (2 rows)\n", done.stdout)
        # What was written reads back, as text and as a page.
        self.assertEqual(self.compare("--from", out).stdout, done.stdout)
        text = self.folder / "page.md"
        other, here = (old.join(page.marks(machine)) for old, machine in (("other's\n", {"cpu": "another"}), ("old\n", measured["machine"])))
        text.write_text(f"# Before\n\n{other}{here}\nafter\n")
        self.compare("--from", out, "--page", text)
        self.assertRegex(text.read_text(), r"(?s)^# Before\n\n<!--.*<!--.*\| linear f32 16x32x48 \|.*-->\n\nafter\n$")
        self.assertIn(other, text.read_text())
        self.assertNotIn("old", text.read_text())

    def test_without_time_peers_and_rounds_are_left_out(self):
        class Slow:
            name = "torch"

        compare = measure.Comparison(HEED, [Slow()], {}, self.folder, self.folder, [0], 5, 0.01, until=time.monotonic(),
                                     longest={"torch": 3})
        self.assertLessEqual(compare.share(2), time.monotonic())
        result = compare.measure(rows.TINY[0], compare.share(2))
        self.assertEqual(len(result["heed"]["times"]), 1)
        self.assertEqual(result["peers"], {"torch": {"note": measure.NO_TIME}})
        self.assertEqual(table.cell(result, result["peers"]["torch"]), "no time")
        with self.assertRaisesRegex(measure.PeerFailed, measure.NO_TIME):
            compare.ask(Slow(), do="round")

    def test_a_row_that_heed_refuses_gives_its_reason(self):
        liar = self.folder / "heed"
        liar.write_text("#!/bin/sh\necho 'heed: error: no such thing' >&2\nexit 1\n")
        liar.chmod(0o755)
        done = self.compare("--heed", liar, "--tiny", "--peers", "none", code=1)
        self.assertIn("heed: heed: error: no such thing (2 rows)\n", done.stdout)

    def test_wrong_usage(self):
        for words, said in ((["--peers", "torch,numpyro"], "unknown peer 'numpyro'"), (["--rows", "nothing"], "no row has such a name"),
                            (["--threads", 0], "--threads expects"), (["--rounds", 0], "--rounds expects"),
                            (["--heed", self.folder / "none"], "is not there")):
            done = self.compare(*words, code=2)
            self.assertIn(said, done.stderr.splitlines()[-1])
            self.assertEqual(done.stdout, "")
        self.assertIn("cannot be read", self.compare("--from", self.folder / "none", code=2).stderr)


class Rows(unittest.TestCase):
    def test_allowed_scores_are_counted_one_by_one(self):
        for mask in ("full", "causal", "window", "documents"):
            for n in (512, 300, 256, 64):
                length = n // rows.DOCUMENTS
                allowed = {"full": lambda q, kv: True, "causal": lambda q, kv: kv <= q,
                           "window": lambda q, kv: kv <= q and q - kv < rows.WINDOW,
                           "documents": lambda q, kv: kv <= q and q // length == kv // length}[mask]
                count = sum(allowed(q, kv) for q in range(n) for kv in range(n))
                self.assertEqual(rows.Attention("f32", mask, 32, sequence=n, heads=3, batch=2).scores, 6 * count)


if __name__ == "__main__":
    unittest.main()
