"""sums, from its YAML to answers: held-out sums, golden logits, what the executable needs, fusions switched off."""
import json
import re
import unittest

from support import SOURCE, EndToEnd, greedy_rows, read_npy, run, write_ids

MODEL = "examples/sums/sums.yaml"
VOCABULARY = json.loads((SOURCE / "examples/sums/tokenizer.json").read_text())["model"]["vocab"]
BEGIN, END = VOCABULARY["<s>"], VOCABULARY["</s>"]
FUSIONS = ["fuse-mask-softmax", "fuse-attention", "merge-linears", "fuse-prologue", "fuse-epilogue"]
# Passes that plan instead of fusing: a model builds without them too.
PLANS = ["tile-bounds", "schedule", "plan-buffers"]


def tokens(text):
    return [BEGIN, *(VOCABULARY[character] for character in text)]


class Sums(EndToEnd):
    def logits(self, program, ids, mask=None):
        write_ids(self.folder / "ids.npy", ids)
        more = []
        if mask:
            write_ids(self.folder / "mask.npy", mask)
            more = ["--attention-mask", self.folder / "mask.npy"]
        run(program, "run", "--ids", self.folder / "ids.npy", *more, "--out", f"logits={self.folder}/logits.npy")
        return read_npy(self.folder / "logits.npy")

    def goldens(self):
        for prompt in range(3):
            golden = SOURCE / "tests/golden/sums"
            ids = read_npy(golden / f"prompt{prompt}_ids.npy")
            yield [list(ids.values)], read_npy(golden / f"prompt{prompt}_logits.npy")

    def test_held_out_sums_are_right(self):
        # Greedy decoding gives an answer exactly where each of its tokens, and the end after it, is the
        # likeliest after what is before it: one call over the whole texts says it of every step.
        texts = (SOURCE / "examples/sums/held_out.txt").read_text().split()
        self.assertEqual(len(texts), 2000)
        longest = max(map(len, texts)) + 1
        rows = [tokens(text) for text in texts]
        logits = self.logits(self.build(MODEL), [row + [END] * (longest - len(row)) for row in rows],
                             [[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        right = 0
        for i, text in enumerate(texts):
            question = text.index("=") + 1
            right += greedy_rows(logits, i, question, len(rows[i])) == [*rows[i][question + 1:], END]
        self.assertGreaterEqual(right / len(texts), 0.999, f"{right} of {len(texts)} are right")

    def test_logits_equal_the_goldens(self):
        program = self.build(MODEL)
        for ids, expected in self.goldens():
            self.assertClose(self.logits(program, ids), expected, 1e-4)

    def test_each_fusion_can_be_switched_off(self):
        for fusion in FUSIONS + PLANS:
            program = self.build(MODEL, f"--disable={fusion}")
            for ids, expected in self.goldens():
                self.assertClose(self.logits(program, ids), expected, 1e-4, f"without {fusion}")

    def test_all_fusions_switched_off(self):
        program = self.build(MODEL, "--disable=" + ",".join(FUSIONS + PLANS))
        for ids, expected in self.goldens():
            self.assertClose(self.logits(program, ids), expected, 1e-4)

    def test_a_neighbour_in_the_batch_changes_no_bit(self):
        program = self.build(MODEL)
        alone = self.logits(program, [tokens("12+30=")])
        write = [tokens("12+30=") + [END] * 3, tokens("999+999=")]
        mask = [[1] * 7 + [0] * 3, [1] * 9 + [0]]
        write[1] += [END]
        both = self.logits(program, write, mask)
        for position in range(7):
            self.assertEqual(both.row(0, position), alone.row(0, position))

    def test_the_number_of_threads_changes_no_bit(self):
        program = self.build(MODEL)
        write_ids(self.folder / "t.npy", [tokens("123+456=579")])
        for threads in (1, 2, 3):
            run(program, "run", "--ids", self.folder / "t.npy", "--out", f"logits={self.folder}/t{threads}.npy",
                "--threads", threads)
        first = (self.folder / "t1.npy").read_bytes()
        self.assertEqual(first, (self.folder / "t2.npy").read_bytes())
        self.assertEqual(first, (self.folder / "t3.npy").read_bytes())

    def test_generate_answers_in_text(self):
        program = self.build(MODEL)
        for question, answer in (("12+30=", "42"), ("999+1=", "1000"), ("7+5=", "12"), ("534+990=", "1524")):
            done = run(program, "generate", question, "--temperature", "0")
            self.assertEqual(done.stdout.decode().strip().removeprefix(question), answer)

    def test_the_executable_needs_libc_alone(self):
        needed = run("ldd", self.build(MODEL)).stdout.decode()
        names = re.findall(r"^\s*(?:/\S*/)?(\S+?)(?: =>| \()", needed, re.M)
        self.assertLessEqual(set(names), {"linux-vdso.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}, needed)

    def test_the_executable_is_small(self):
        weights = (SOURCE / "examples/sums/sums.safetensors").stat().st_size
        self.assertLess(self.build(MODEL).stat().st_size - weights, 2 << 20)

    def test_the_witness_holds(self):
        run(self.build(MODEL), "check")


if __name__ == "__main__":
    unittest.main()
