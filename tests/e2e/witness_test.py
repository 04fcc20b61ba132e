"""OUT check, the run-time witness of the proofs: later tokens and rows change no bit of earlier outputs."""
import random
import unittest

from support import CACHE, SOURCE, EndToEnd, plain_attentions, read_npy, run, words, write_npy

# The axes along which each model of the tour is causal; 01 and 02 see all keys, 06 and 10 the whole sequence.
CAUSAL = {"03-masked": ["q", "kv"], "04-multi-head": ["q", "kv"], "05-grouped": ["q", "kv"], "07-sliding-window": ["q", "kv"],
          "08-score-rules": ["q", "kv"], "09-decoder-block": ["token"], "11-stack": ["token"]}
SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"


class Witness(EndToEnd):
    def check(self, program, *axes):
        return run(program, "check", "--tokens", 150, *[word for axis in axes for word in ("--causal", axis)], check=False)

    def test_the_tour(self):
        for name, axes in CAUSAL.items():
            done = self.check(self.build(f"examples/tour/{name}.yaml"), *axes)
            self.assertEqual(done.returncode, 0, f"{name}: {done.stdout.decode()}{done.stderr.decode()}")
            self.assertIn("good  other later rows change no bit of earlier outputs", done.stdout.decode(), name)

    def test_threads_change_no_bit_under_any_mask(self):
        # How many rows share a block of keys depends on the threads, what a row sums must not.
        masks = ("kv <= q and (q - kv < 24 or kv < 4)", "kv <= q and q - kv < 300", "all", "kv <= q and (q - kv) mod 8 == 0")
        model = self.folder / "masks.yaml"
        model.write_text(plain_attentions(masks, heads=6, head=64))
        program = self.build(model, name="masks")
        for tokens in (60, 180, 700):
            done = run(program, "check", "--tokens", tokens, "--threads", 2, check=False)
            self.assertEqual(done.returncode, 0, f"{tokens}: {done.stdout.decode()}")
            self.assertIn("good  one thread gives the bits of 2", done.stdout.decode())

    def test_threads_change_no_bit_of_long_rows(self):
        # Past 16 and 32 blocks of keys, where sums are put away.
        model = self.folder / "long.yaml"
        model.write_text(plain_attentions(("kv <= q", "kv <= q and q - kv < 3000"), heads=1, head=16))
        done = run(self.build(model, name="long"), "check", "--tokens", 4400, "--threads", 2, check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        self.assertIn("good  one thread gives the bits of 2", done.stdout.decode())

    def outputs(self, program, tokens, head, change):
        """Elements of the output for random inputs of one head, and after `change` of {"q": elements, …}."""
        draw = random.Random(1)
        files = {name: self.folder / f"{name}.npy" for name in "qkv"}
        values = {name: [draw.gauss(0, 1) for _ in range(tokens * head)] for name in "qkv"}
        found = []
        for _ in range(2):
            for name, file in files.items():
                write_npy(file, (1, tokens, head), values[name], "f")
            run(program, "run", *words("--in", files), "--out", f"out={self.folder}/out.npy")
            found.append(read_npy(self.folder / "out.npy").values)
            change(values)
        return found

    def test_a_towering_later_score_changes_no_bit(self):
        # Rows from LATER on see a key whose score leaves all their other weights 0; rows before them share their register tiles.
        tokens, head, later = 300, 64, 250
        model = self.folder / "later.yaml"
        model.write_text(plain_attentions(("kv <= q",), heads=1, head=head))

        def change(values):
            key = slice(later * head, (later + 1) * head)
            values["k"][key] = [1000 * x for x in values["q"][key]]
        before, after = self.outputs(self.build(model, name="later"), tokens, head, change)
        self.assertTrue(before[:later * head] == after[:later * head])
        self.assertNotEqual(before[later * head:], after[later * head:])

    def test_a_model_that_looks_ahead_is_found(self):
        done = self.check(self.build("examples/tour/01-one-head.yaml"), "q", "kv")
        self.assertEqual(done.returncode, 1)
        self.assertIn("WRONG outputs up to row 0 change when later rows do", done.stdout.decode())

    def test_an_axis_that_is_not_there(self):
        done = run(self.build("examples/tour/03-masked.yaml"), "check", "--causal", "tokens", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--causal names an open axis of plain tensors; this model has no 'tokens'", done.stderr.decode())

    def test_sums(self):
        done = run(self.build("examples/sums/sums.yaml"), "check", check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        self.assertIn("good  other later tokens change no bit of earlier outputs", done.stdout.decode())

    @unittest.skipUnless((CACHE / SMOLLM2).exists(), f"skipped: no {SMOLLM2} in the cache")
    def test_smollm2(self):
        run(self.build("examples/smollm2-135m.yaml"), "check", "--tokens", 60)

    @unittest.skipUnless((CACHE / SMOLLM2).exists(), f"skipped: no {SMOLLM2} in the cache")
    def test_smollm2_with_a_window_and_sinks(self):
        text = (SOURCE / "examples/smollm2-135m.yaml").read_text()
        self.assertIn("mask: kv <= q\n", text)
        model = self.folder / "smollm2-window.yaml"
        # Both on more tokens than the window has, so that keys fall out of it and the sinks stay.
        for window, tokens in ((24, 60), (1024, 1200)):
            model.write_text(text.replace("mask: kv <= q\n", f"mask: kv <= q and (q - kv < {window} or kv < 4)\n"))
            done = run(self.build(model, name=f"window{window}"), "check", "--tokens", tokens)
            self.assertIn(f"good  {tokens} random tokens", done.stdout.decode())
            self.assertIn("good  other later tokens change no bit of earlier outputs", done.stdout.decode())

    def test_rows_of_another_tile_change_no_bit_in_bf16(self):
        # The last rows fill no register tile: those behind them, which tell whether the tile is computed in f32, are its own.
        tokens, head = 394, 64
        model = self.folder / "half.yaml"
        model.write_text(plain_attentions(("(q - kv) mod 2 == 0",), heads=1, head=head))
        program = self.build(model, "--target=znver5", "--numerics=bf16", "--emulate", name="half")

        def change(values):
            rows = slice(288 * head, 336 * head)
            values["q"][rows] = [3e38 if x > 0 else -3e38 for x in values["q"][rows]]
        before, after = self.outputs(program, tokens, head, change)
        self.assertTrue(before[336 * head:] == after[336 * head:])


if __name__ == "__main__":
    unittest.main()
