"""all-MiniLM-L6-v2 against transformers in f64 (tests/golden/minilm)."""
import json
import unittest

from support import CACHE, SOURCE, EndToEnd, Tensor, read_npy, run

GOLDEN = SOURCE / "tests/golden/minilm"


@unittest.skipUnless((CACHE / "all-MiniLM-L6-v2/model.safetensors").exists(), "skipped: no all-MiniLM-L6-v2 in the cache")
class MiniLM(EndToEnd):
    def setUp(self):
        self.program = self.build("examples/minilm.yaml")

    def test_embeddings_equal_the_goldens(self):
        texts = json.loads((GOLDEN / "about.json").read_text())["texts"]
        expected = read_npy(GOLDEN / "embeddings.npy")
        for i, text in enumerate(texts):
            done = run(self.program, "embed", "--out", f"embedding={self.folder}/e.npy", "--", text)
            self.assertEqual(done.stdout, b"")
            found = read_npy(self.folder / "e.npy")
            self.assertClose(Tensor((384,), found.values), Tensor((384,), expected.row(i)), 1e-5, repr(text))

    def test_the_last_hidden_state_equals_the_golden(self):
        run(self.program, "run", "--ids", GOLDEN / "hidden_ids.npy", "--out", f"last_hidden_state={self.folder}/h.npy")
        self.assertClose(read_npy(self.folder / "h.npy"), read_npy(GOLDEN / "hidden_last.npy"), 1e-4)


if __name__ == "__main__":
    unittest.main()
