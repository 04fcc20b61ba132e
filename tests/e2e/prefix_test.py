"""Decoders whose first tokens see each other: generated from, with a first call that holds them all."""
import unittest

from support import HEED, ORACLE, EndToEnd, greedy_rows, read_npy, run, small_decoder, write_ids, write_npy

VOCABULARY, CONTEXT = 97, 1200
# A call has 512 tokens: one prefix is shorter, one longer.
PREFIXES = (16, 600)


def model(mask, context=CONTEXT):
    return small_decoder("prefix", mask, VOCABULARY, context)


def tokens(count):
    return [(i * i * 7 + i * 13 + 5) % VOCABULARY for i in range(count)]


class Prefix(EndToEnd):
    def write(self, name, mask, context=CONTEXT):
        path = self.folder / f"{name}.yaml"
        path.write_text(model(mask, context))
        return path

    def program(self, prefix):
        return self.build(self.write(f"prefix{prefix}", f"kv <= q or kv < {prefix}"))

    def logits(self, program, ids):
        write_ids(self.folder / "ids.npy", [ids])
        run(program, "run", "--ids", self.folder / "ids.npy", "--out", f"logits={self.folder}/logits.npy")
        return read_npy(self.folder / "logits.npy")

    def test_all_at_once_equals_the_reference(self):
        # The reference has no cache and no calls. 10 tokens are fewer than the prefix: a text may be, a prompt not.
        for prefix, counts in ((16, (10, 40)), (600, (64,))):
            program = self.program(prefix)
            for count in counts:
                ids = tokens(count)
                tensors, expected = {}, self.folder / "expected.npy"
                for name, values in (("tokens", ids), ("wanted", range(count))):
                    tensors[name] = self.folder / f"{name}.npy"
                    write_npy(tensors[name], (count,), values, "q")
                run(ORACLE, self.folder / f"prefix{prefix}.yaml", "--rows", f"token=0+{count}",
                    *(word for name, file in tensors.items() for word in ("--inputs", f"{name}={file}")),
                    "--outputs", f"logits={expected}")
                found = self.logits(program, ids)
                reference = read_npy(expected)
                found.shape = found.shape[1:]
                self.assertClose(found, reference, 1e-4, f"prefix of {prefix}, {count} tokens")

    def test_calls_give_what_one_call_gives(self):
        # `run` reads 1100 tokens in calls of 512 (600 for the first): its rows equal those of a shorter text, which
        # has other calls, and those that come token by token.
        for prefix in PREFIXES:
            program = self.program(prefix)
            ids = tokens(1100)
            whole = self.logits(program, ids)
            for count in (610, 1030):
                part = self.logits(program, ids[:count])
                for row in range(count):
                    worst = max(abs(a - b) for a, b in zip(whole.row(0, row), part.row(0, row)))
                    self.assertLess(worst, 1e-4, f"prefix of {prefix}, row {row} of {count}")
            run(program, "check", "--tokens", prefix + 30)

    def test_the_prefix_sees_itself_and_nothing_later(self):
        for prefix in PREFIXES:
            program = self.program(prefix)
            ids = tokens(prefix + 4)
            before = self.logits(program, ids)
            for changed, sees in ((prefix - 1, True), (prefix, False)):
                other = list(ids)
                other[changed] = (other[changed] + 1) % VOCABULARY
                after = self.logits(program, other)
                for row in (0, prefix // 2, prefix - 2):
                    self.assertEqual(before.row(0, row) != after.row(0, row), sees, f"row {row}, token {changed}")

    def test_generate(self):
        for prefix in PREFIXES:
            program = self.program(prefix)
            prompt = tokens(prefix + 2)
            write_ids(self.folder / "prompt.npy", [prompt])
            run(program, "generate", "--ids", self.folder / "prompt.npy", "--tokens", 20, "--out", f"ids={self.folder}/new.npy")
            new = list(read_npy(self.folder / "new.npy").values)
            # Each new token is what a single call over all before it says.
            whole = self.logits(program, prompt + new)
            self.assertEqual(greedy_rows(whole, 0, len(prompt) - 1, len(prompt) + len(new) - 1), new)

    def test_a_prompt_shorter_than_the_prefix(self):
        program = self.program(600)
        write_ids(self.folder / "short.npy", [tokens(599)])
        done = run(program, "generate", "--ids", self.folder / "short.npy", "--out", f"ids={self.folder}/none.npy", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.decode().count("\n"), 1)
        self.assertIn("the prompt has 599 tokens; this model takes at least 600", done.stderr.decode())
        self.assertFalse((self.folder / "none.npy").exists())

    def test_what_has_no_first_call_is_refused(self):
        for name, mask, why in (("all", "all", "a row can depend on rows of any later call"),
                                ("prompt", "kv <= q or kv < q_len", "the rows that are seen early depend on lengths"),
                                ("next", "kv <= q + 1", "a row can depend on rows of any later call"),
                                ("long", "kv <= q or kv < 1200", "the context of 1200 leaves nothing behind it")):
            done = run(HEED, "build", self.write(name, mask), "-o", self.folder / "none", check=False)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(f"{name}.yaml:13:19: error: keys and values of this decoder cannot be kept", done.stderr.decode())
            self.assertIn(why, done.stderr.decode(), name)
            self.assertFalse((self.folder / "none").exists())


if __name__ == "__main__":
    unittest.main()
