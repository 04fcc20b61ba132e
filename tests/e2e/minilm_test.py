"""all-MiniLM-L6-v2 against transformers in f64 (tests/golden/minilm)."""
import json
import unittest

from support import CACHE, SOURCE, EndToEnd, Tensor, read_npy, run, write_ids

GOLDEN = SOURCE / "tests/golden/minilm"
ABOUT = json.loads((GOLDEN / "about.json").read_text())
EXPECTED = read_npy(GOLDEN / "embeddings.npy")


@unittest.skipUnless((CACHE / "all-MiniLM-L6-v2/model.safetensors").exists(), "skipped: no all-MiniLM-L6-v2 in the cache")
class MiniLM(EndToEnd):
    def setUp(self):
        self.program = self.build("examples/minilm.yaml")

    def assertEmbedding(self, number, what):
        found = read_npy(self.folder / "e.npy")
        self.assertClose(Tensor((384,), found.values), Tensor((384,), EXPECTED.row(number)), 1e-5, what)

    def test_embeddings_of_ids_equal_the_goldens(self):
        for number, ids in enumerate(ABOUT["ids"]):
            write_ids(self.folder / "ids.npy", [ids])
            run(self.program, "run", "--ids", self.folder / "ids.npy", "--out", f"embedding={self.folder}/e.npy")
            self.assertEmbedding(number, f"text {number}")

    def test_embeddings_of_texts_equal_the_goldens(self):
        for number, text in enumerate(ABOUT["texts"]):
            # Names of special tokens are text to `embed`, tokens to the reference.
            if "[MASK]" not in text:
                run(self.program, "embed", "--out", f"embedding={self.folder}/e.npy", "--", text)
                self.assertEmbedding(number, repr(text))

    def test_the_last_hidden_state_equals_the_golden(self):
        run(self.program, "run", "--ids", GOLDEN / "hidden_ids.npy", "--out", f"last_hidden_state={self.folder}/h.npy")
        self.assertClose(read_npy(self.folder / "h.npy"), read_npy(GOLDEN / "hidden_last.npy"), 1e-4)


if __name__ == "__main__":
    unittest.main()
