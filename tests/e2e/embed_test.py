"""Sentence embeddings of a small encoder with random weights: ragged batches, odd texts, long files, wrong questions."""
import array
import json
import os
import pty
import random
import subprocess
import unittest

from support import HEED, EndToEnd, for_bf16, peak_bytes, read_npy, run

WORDS = ["river", "stone", "lamp", "night", "keeper", "storm", "harbour", "the", "of", "##s", "##ing", "a", "b", "c"]
CONTEXT = 48
MODEL = """
model: tiny-encoder
weights: random(7)
tokenizer: vocab.txt
context: {context}
dims: {{vocab: {vocab}, model: 48, heads: 3, head: 16, ffn: 80, layers: 2}}
blocks:
  layer:
    - residual:
        - attention:
            q: [{{linear: "{{i}}.q", heads: heads}}]
            k: [{{linear: "{{i}}.k", heads: heads}}]
            v: [{{linear: "{{i}}.v", heads: heads}}]
            mask: all
            out: [{{linear: "{{i}}.o", out: model}}]
    - layer_norm: {{weight: "{{i}}.n", bias: "{{i}}.nb", eps: 1e-6}}
    - residual:
        - mlp: {{up: "{{i}}.up", down: "{{i}}.down", activation: gelu, hidden: ffn}}
    - layer_norm: {{weight: "{{i}}.m", bias: "{{i}}.mb", eps: 1e-6}}
encoder:
  - embed: words
  - positions: {{weight: places, rows: {context}}}
  - layer_norm: {{weight: n, bias: nb, eps: 1e-6}}
  - repeat: {{block: layer, times: layers}}
  - pool: mean
  - l2_normalize: {{eps: 1e-12}}
"""


def texts():
    """Of all lengths from none to more than fits, some of them twice."""
    draw = random.Random(3)
    some = [" ".join(draw.choice(["river", "stones", "lamp", "nights", "storm", "unknown", "a b"]) for _ in range(n))
            for n in [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 23, 31, 33, 44, 45, 46, 47, 80, 200] * 3]
    draw.shuffle(some)
    return some + some[:5]


class Embed(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
        (cls.folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
        (cls.folder / "tiny.yaml").write_text(MODEL.format(vocab=len(vocabulary), context=CONTEXT))
        cls.program = cls.build(cls.folder / "tiny.yaml")

    def vectors(self, lines, *flags, program=None):
        (self.folder / "lines").write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() + b"\n" for line in lines))
        run(program or self.program, "embed", "--file", self.folder / "lines", "--out", f"embedding={self.folder}/e.npy", *flags)
        made = read_npy(self.folder / "e.npy")
        self.assertEqual(made.shape, (len(lines), 48))
        return [made.row(i).tobytes() for i in range(len(lines))]

    def test_alone_in_any_batch_in_any_order_on_any_threads(self):
        self.assertRagged(self.program)

    def test_bf16_is_ragged_alike(self):
        self.assertRagged(self.build(self.folder / "tiny.yaml", *for_bf16()))

    def assertRagged(self, program):
        lines = texts()
        together = self.vectors(lines, "--threads", "1", program=program)
        self.assertGreater(len(set(together)), 40)
        for threads in ("2", "3", "5"):
            self.assertEqual(self.vectors(lines, "--threads", threads, program=program), together, f"{threads} threads")
        draw = random.Random(5)
        for number in range(3):
            order = draw.sample(range(len(lines)), len(lines) - 7 * number)
            self.assertEqual(self.vectors([lines[i] for i in order], program=program), [together[i] for i in order], f"order {number}")
        for i in draw.sample(range(len(lines)), 12):
            self.assertEqual(self.vectors([lines[i]], "--threads", str(1 + i % 3), program=program), [together[i]], f"text {i} alone")

    def test_a_text_is_cut_where_the_context_ends(self):
        # [CLS] and [SEP] take two places.
        whole = "river " * (CONTEXT - 2)
        fits, longer, other, shorter = self.vectors([whole, whole + "stone storm " * 50, "river " * 60, "river " * (CONTEXT - 3)])
        self.assertEqual(fits, longer)
        self.assertEqual(fits, other)
        self.assertNotEqual(fits, shorter)
        done = run(self.program, "embed", whole, whole + "lamp")
        self.assertEqual(done.stderr, b"note: longer than the model takes, so cut: 1 text\n")

    def test_texts_json_and_npy_are_the_same_numbers(self):
        asked = ["river stones", "", 'a "quoted" lamp']
        lines = self.vectors(asked)
        said = run(self.program, "embed", "--json", "--", *asked).stdout.decode().splitlines()
        for text, line, vector in zip(asked, said, lines, strict=True):
            entry = json.loads(line)
            self.assertEqual(entry["text"], text)
            self.assertEqual(array.array("f", entry["embedding"]).tobytes(), vector)
        plain = run(self.program, "embed", "--", *asked).stdout.decode().splitlines()
        self.assertEqual([array.array("f", map(float, line.split())).tobytes() for line in plain], lines)

    def test_odd_texts(self):
        huge = "storm" * 200_000  # 1 MB without a blank: one word, and too long for any piece
        words = "lamp of the keeper " * 55_000  # 1 MB of words
        found = self.vectors(["", "   \t ", huge, words, b"r\xffi\xfe\n", b"\x00\x01\n", "lamp of the keeper " * 20, "unknown"])
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[2], found[7], "a word too long is [UNK]")
        self.assertEqual(found[3], found[6], "cut alike")

    def test_similar_gives_the_nearest_lines(self):
        (self.folder / "lines").write_text("storm\nriver stones\n\nlamp of the keeper\nriver stones\n")
        said = run(self.program, "similar", "river stones", "--file", self.folder / "lines", "--top", 2).stdout
        self.assertEqual(said, b"1.0000\t2\triver stones\n1.0000\t5\triver stones\n")

    def test_a_hundred_thousand_lines_stream(self):
        lines = self.folder / "many"
        lines.write_text("".join(f"river {WORDS[i % 7]} {i}\n" for i in range(100_000)))
        few = self.folder / "few"
        few.write_text("".join(f"river {WORDS[i % 7]} {i}\n" for i in range(1000)))
        done = subprocess.Popen([self.program, "embed", "--file", lines], stdout=subprocess.PIPE)
        head = done.stdout.readline()
        self.assertIsNone(done.poll(), "the first lines come before the last are read")
        count, last = 1, b""
        for last in done.stdout:
            count += 1
        self.assertEqual((done.wait(), count), (0, 100_000))
        done.stdout.close()
        self.assertEqual(head, run(self.program, "embed", "river river 0").stdout)
        self.assertEqual(last, run(self.program, "embed", f"river {WORDS[99_999 % 7]} 99999").stdout)
        search = "embed", "--threads", "1", "--file"
        # Reading more takes no more memory.
        peaks = [peak_bytes(self.program, *search, file) for file in (few, lines)]
        self.assertLess(peaks[1], peaks[0] + 4_000_000)

    def test_progress_is_shown_on_a_terminal_only(self):
        lines = self.folder / "many-more"
        lines.write_text("river stones of the harbour\n" * 400_000)
        command = [self.program, "similar", "storm", "--threads", "1", "--file", lines]
        terminal, side = pty.openpty()
        shown = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=side)
        os.close(side)
        said = os.read(terminal, 200)
        shown.kill()
        shown.communicate()
        os.close(terminal)
        self.assertRegex(said, rb"\d+ lines|lines.*\d+")
        (self.folder / "few-more").write_text("river stones\n" * 1000)
        self.assertEqual(run(*command[:-1], self.folder / "few-more").stderr, b"")

    def test_questions_that_a_model_does_not_answer(self):
        done = run(self.program, "generate", "river", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertRegex(done.stderr.decode(), r"^error: .*\n$")
        decoder = self.build("examples/sums/sums.yaml")
        for command in (["embed", "1+2="], ["similar", "1+2=", "--file", "/dev/null"]):
            done = run(decoder, *command, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertEqual(done.stderr.decode(), "error: this model gives no embeddings; see info for what it does\n")

    def test_a_vocabulary_that_is_wrong_is_refused_where_it_is_wrong(self):
        bad = self.folder / "bad"
        bad.mkdir(exist_ok=True)
        (bad / "tiny.yaml").write_text((self.folder / "tiny.yaml").read_text())
        good = (self.folder / "vocab.txt").read_text()
        for text, said in ((good.replace("[UNK]\n", "[unknown]\n"), "vocab.txt: the vocabulary of 19 tokens has no [UNK]"),
                           (good.replace("lamp\n", "stone\n"), "vocab.txt:8: 'stone' stands on line 7 already"),
                           (good.replace("lamp\n", "\n"), "vocab.txt:8: an empty line"),
                           (good + "more\n", "vocab.txt: 20 tokens, but the model has rows for 19"),
                           ("", "vocab.txt: is empty")):
            (bad / "vocab.txt").write_text(text)
            done = run(HEED, "build", bad / "tiny.yaml", "-o", bad / "out", check=False)
            self.assertEqual(done.returncode, 1, said)
            self.assertIn(said, done.stderr.decode())
            self.assertEqual(done.stderr.decode().count("error: "), 1)
            self.assertFalse((bad / "out").exists())
        # Many models have rows to spare, so this is no error.
        (bad / "vocab.txt").write_text(good.replace("lamp\n", ""))
        said = run(HEED, "build", bad / "tiny.yaml", "-o", bad / "out").stderr.decode()
        self.assertIn("warning: ", said)
        self.assertIn("vocab.txt: 18 tokens, and the model has rows for 19\n", said)


if __name__ == "__main__":
    unittest.main()
