"""bench/shapes: every row is a model that heed takes and knows a bound of; nothing is timed."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
HEED = pathlib.Path(sys.argv.pop(1))
loader = importlib.machinery.SourceFileLoader("shapes", str(ROOT / "bench/shapes"))
shapes = importlib.util.module_from_spec(importlib.util.spec_from_loader("shapes", loader))
loader.exec_module(shapes)


class Shapes(unittest.TestCase):
    def test_rows_have_bounds(self):
        rates = ROOT / "tests/tools/bench/Inputs/round.json"
        names = set()
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "shape.yaml"
            for part in (part for group in shapes.GROUPS.values() for part in group):
                for name, text, sizes in part:
                    with self.subTest(name):
                        self.assertNotIn(name, names)
                        names.add(name)
                        model.write_text(text)
                        words = [word for axis, size in sizes.items() for word in ("--size", f"{axis}={size}")]
                        done = subprocess.run([HEED, "bench", model, "--bound", "--target=znver5", f"--rates={rates}", *words],
                                              capture_output=True, text=True)
                        self.assertEqual(done.returncode, 0, done.stderr)
                        self.assertIn("bound: ", done.stdout)

    def test_unknown_group(self):
        done = subprocess.run([ROOT / "bench/shapes", "tail"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown group 'tail'; there are tails, groups, short, rules, linears", done.stderr)


if __name__ == "__main__":
    unittest.main()
