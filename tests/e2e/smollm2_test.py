"""SmolLM2-135M from its GGUF against transformers in f64 on the same dequantised weights (tests/golden/smollm2)."""
import json
import re
import struct
import unittest

from support import CACHE, SOURCE, EndToEnd, read_npy, run, write_ids

GOLDEN = SOURCE / "tests/golden/smollm2"
ABOUT = json.loads((GOLDEN / "about.json").read_text())
VOCABULARY, EVERY = 49152, ABOUT["every"]


@unittest.skipUnless((CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf").exists(), "skipped: no SmolLM2-135M-Instruct.Q4_1.gguf in the cache")
class SmolLM2(EndToEnd):
    def setUp(self):
        self.program = self.build("examples/smollm2-135m.yaml")

    def logits_at(self, path, positions):
        """Rows of logits [1, n, vocab], read without the rest of a large file."""
        with open(path, "rb") as file:
            file.seek(8)
            start = 10 + struct.unpack("<H", file.read(2))[0]
            for position in positions:
                file.seek(start + 4 * VOCABULARY * position)
                yield struct.unpack(f"<{VOCABULARY}f", file.read(4 * VOCABULARY))

    def test_the_executable_is_small(self):
        weights = int(re.search(r"^weights bytes +(\d+)$", run(self.program, "info").stdout.decode(), re.M)[1])
        self.assertLess(self.program.stat().st_size - weights, 2_000_000)

    def test_logits_equal_the_goldens(self):
        for prompt in range(8):
            golden = {what: read_npy(GOLDEN / f"prompt{prompt}_{what}.npy")
                      for what in ("positions", "logits", "top_ids", "top_logits")}
            run(self.program, "run", "--ids", GOLDEN / f"prompt{prompt}_ids.npy", "--out", f"logits={self.folder}/l.npy")
            for i, row in enumerate(self.logits_at(self.folder / "l.npy", golden["positions"].values)):
                worst = max(abs(a - b) for a, b in zip(row[::EVERY], golden["logits"].row(i), strict=True))
                top = max(abs(row[token] - value) for token, value in zip(golden["top_ids"].row(i), golden["top_logits"].row(i)))
                self.assertLess(max(worst, top), 5e-4, f"prompt {prompt}, position {golden['positions'].values[i]}")

    def test_greedy_tokens_equal_the_goldens(self):
        # The least margin of all these steps is 0.035: no step is close enough to be left out.
        for prompt in range(4):
            expected = list(read_npy(GOLDEN / f"greedy{prompt}_new.npy").values)
            run(self.program, "generate", "--ids", GOLDEN / f"greedy{prompt}_ids.npy", "--tokens", len(expected), "--temperature", "0",
                "--ignore-eos", "--out", f"ids={self.folder}/new.npy")
            self.assertEqual(list(read_npy(self.folder / "new.npy").values), expected, f"prompt {prompt}")

    def test_perplexity(self):
        done = run(self.program, "score", SOURCE / "tests/golden/perplexity_text.txt", "--json")
        found = json.loads(done.stdout)
        self.assertEqual(found["scored"], ABOUT["perplexity"]["scored"])
        expected = ABOUT["perplexity"]["perplexity"]
        self.assertLess(abs(found["perplexity"] / expected - 1), 1e-3)

    def test_a_prompt_ends_anywhere_in_a_call(self):
        # A call takes 512 tokens: the last row of a prompt cut around there is that row of the whole.
        ids = list(read_npy(GOLDEN / "prompt7_ids.npy").values)
        run(self.program, "run", "--ids", GOLDEN / "prompt7_ids.npy", "--out", f"logits={self.folder}/whole.npy")
        for length in (1, 2, 17, 511, 512, 513, 528, 600):
            write_ids(self.folder / "cut.npy", [ids[:length]])
            run(self.program, "run", "--ids", self.folder / "cut.npy", "--out", f"logits={self.folder}/cut_logits.npy")
            [whole] = self.logits_at(self.folder / "whole.npy", [length - 1])
            [cut] = self.logits_at(self.folder / "cut_logits.npy", [length - 1])
            self.assertLess(max(abs(a - b) for a, b in zip(whole, cut, strict=True)), 5e-4, f"{length} tokens")

    def test_the_whole_context(self):
        ids = list(read_npy(GOLDEN / "prompt7_ids.npy").values)
        ids = (ids * 12)[:8190]
        write_ids(self.folder / "long.npy", [ids])
        done = run(self.program, "generate", "--ids", self.folder / "long.npy", "--tokens", 10, "--temperature", "0", "--ignore-eos",
                   "--out", f"ids={self.folder}/new.npy")
        made = len(read_npy(self.folder / "new.npy").values)
        self.assertIn(f"stopped after {made} tokens: the model's context of 8192 is full", done.stderr.decode())
        self.assertIn(made, (2, 3))  # the last one need not be read
        write_ids(self.folder / "longer.npy", [ids + [1, 1, 1]])
        done = run(self.program, "generate", "--ids", self.folder / "longer.npy", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("8193", done.stderr.decode())

    def test_decoding_goes_on_from_a_longer_prompt(self):
        # Decoding token by token sees the caches that the prefill made: the same next tokens from
        # a prompt and from the prompt with what it generated so far.
        ids = list(read_npy(GOLDEN / "greedy0_ids.npy").values)
        new = list(read_npy(GOLDEN / "greedy0_new.npy").values)
        write_ids(self.folder / "longer.npy", [ids + new[:20]])
        run(self.program, "generate", "--ids", self.folder / "longer.npy", "--tokens", 20, "--temperature", "0", "--ignore-eos",
            "--out", f"ids={self.folder}/rest.npy")
        self.assertEqual(list(read_npy(self.folder / "rest.npy").values), new[20:40])


if __name__ == "__main__":
    unittest.main()
