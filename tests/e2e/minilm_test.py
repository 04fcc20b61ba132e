"""all-MiniLM-L6-v2 against transformers in f64 (tests/golden/minilm)."""
import json
import math
import random
import unittest

from support import CACHE, SOURCE, EndToEnd, Tensor, for_bf16, read_npy, run, write_ids

GOLDEN = SOURCE / "tests/golden/minilm"
ABOUT = json.loads((GOLDEN / "about.json").read_text())
EXPECTED = read_npy(GOLDEN / "embeddings.npy")


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


@unittest.skipUnless((CACHE / "all-MiniLM-L6-v2/model.safetensors").exists(), "skipped: no all-MiniLM-L6-v2 in the cache")
class MiniLM(EndToEnd):
    def setUp(self):
        self.program = self.build("examples/minilm.yaml")

    def embeddings(self, program, texts, *flags):
        """Of texts without line ends, through a file."""
        (self.folder / "lines").write_text("".join(text + "\n" for text in texts))
        run(program, "embed", "--file", self.folder / "lines", "--out", f"embedding={self.folder}/e.npy", *flags)
        found = read_npy(self.folder / "e.npy")
        self.assertEqual(found.shape, (len(texts), 384))
        return [found.row(i) for i in range(len(texts))]

    def assertEmbedding(self, number, what):
        found = read_npy(self.folder / "e.npy")
        self.assertClose(Tensor((384,), found.values), Tensor((384,), EXPECTED.row(number)), 3e-6, what)

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

    def test_bf16_is_near_the_goldens(self):
        program = self.build("examples/minilm.yaml", *for_bf16())
        for number, ids in enumerate(ABOUT["ids"]):
            write_ids(self.folder / "ids.npy", [ids])
            run(program, "run", "--ids", self.folder / "ids.npy", "--out", f"embedding={self.folder}/e.npy")
            self.assertGreater(cosine(read_npy(self.folder / "e.npy").values, EXPECTED.row(number)), 0.9999, f"text {number}")

    def test_ragged_batches_are_bit_equal_to_each_text_alone(self):
        whole = " ".join(ABOUT["texts"][-1].split())
        texts = [" ".join(text.split()) for text in ABOUT["texts"][:-1]] + [whole[:at] for at in range(7, 700, 41)]
        for program in (self.program, self.build("examples/minilm.yaml", *for_bf16())):
            together = self.embeddings(program, texts, "--threads", "1")
            for threads in ("2", "3"):
                self.assertEqual(self.embeddings(program, texts, "--threads", threads), together)
            order = random.Random(2).sample(range(len(texts)), len(texts) - 3)
            self.assertEqual(self.embeddings(program, [texts[i] for i in order]), [together[i] for i in order])
            for i in range(0, len(texts), 3):
                self.assertEqual(self.embeddings(program, [texts[i]]), [together[i]], texts[i])

    def test_a_text_is_cut_at_256_tokens(self):
        self.assertEqual(len(ABOUT["ids"][-1]), 256)
        done = run(self.program, "embed", "--out", f"embedding={self.folder}/e.npy", "--", ABOUT["texts"][-1])
        self.assertEqual(done.stderr, b"note: longer than the model takes, so cut: 1 text\n")
        self.assertEmbedding(len(ABOUT["ids"]) - 1, "cut")
        fits, cut, longer = self.embeddings(self.program, ["cat " * 254, "cat " * 255, "cat " * 200_000])
        self.assertEqual(fits, cut)
        self.assertEqual(fits, longer)

    def test_the_nearest_lines_are_near_in_meaning(self):
        (self.folder / "lines").write_text("Interest rates were raised by half a percent on Tuesday.\nA kitten was resting on the rug.\n"
                                           "The harbour was closed because of the storm.\n")
        said = run(self.program, "similar", "The cat sat on the mat.", "--file", self.folder / "lines", "--json").stdout
        found = [json.loads(line) for line in said.decode().splitlines()]
        self.assertEqual([entry["line"] for entry in found][0], 2)
        self.assertAlmostEqual(found[0]["cosine"], cosine(EXPECTED.row(2), EXPECTED.row(3)), delta=1e-5)

    def test_the_last_hidden_state_equals_the_golden(self):
        run(self.program, "run", "--ids", GOLDEN / "hidden_ids.npy", "--out", f"last_hidden_state={self.folder}/h.npy")
        self.assertClose(read_npy(self.folder / "h.npy"), read_npy(GOLDEN / "hidden_last.npy"), 1e-4)


if __name__ == "__main__":
    unittest.main()
