"""Windows by a list of the model file: of each head (`window[h]`) and of each layer (`window[i]`), against the f64 oracle."""
import unittest

from support import ORACLE, EndToEnd, greedy_rows, plain_attentions, read_npy, run, small_decoder, words, write_ids, write_npy

VOCABULARY = 97
TENSORS = plain_attentions(["kv <= q and q - kv < window[h]", "kv <= q and (q - kv < window[h] or kv < 1)"], 4, 16,
                           more="let: {window: [2, 4, 8, 16]}\n")


def decoder(window, windows):
    return small_decoder("decoder", f'"kv <= q and q - kv < {window}"', VOCABULARY, 256, f"let: {{window: {windows}}}\n")


class HeadWindows(EndToEnd):
    def write(self, name, text):
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def test_tensors(self):
        path = self.write("tensors", TENSORS)
        for flags in ([], ["--disable=fuse-attention"], ["--disable=fuse-mask-softmax,fuse-attention"],
                      ["--disable=tile-bounds,schedule,plan-buffers"]):
            self.assertEqualsOracle(path, self.build(path, *flags), (1, 17, 150), 1e-5)

    def decode(self, name, text, *flags):
        path = self.write(name, text)
        program = self.build(path, *flags)
        # All at once, against a reference without cache and calls.
        ids = [(i * i * 7 + i * 13 + 5) % VOCABULARY for i in range(90)]
        inputs = {"tokens": self.folder / "tokens.npy", "wanted": self.folder / "wanted.npy"}
        write_npy(inputs["tokens"], (len(ids),), ids, "q")
        write_npy(inputs["wanted"], (len(ids),), range(len(ids)), "q")
        run(ORACLE, path, "--rows", f"token=0+{len(ids)}", *words("--inputs", inputs),
            "--outputs", f"logits={self.folder}/expected.npy")
        expected = read_npy(self.folder / "expected.npy")
        found = self.logits(program, ids)
        self.assertClose(found, expected, 1e-4, f"{name} {flags}")
        # Token by token: each is what a single call over all before it says.
        write_ids(self.folder / "prompt.npy", [ids[:40]])
        run(program, "generate", "--ids", self.folder / "prompt.npy", "--tokens", 20, "--out", f"ids={self.folder}/new.npy")
        new = list(read_npy(self.folder / "new.npy").values)
        whole = self.logits(program, ids[:40] + new)
        whole.shape = (1, *whole.shape)
        self.assertEqual(greedy_rows(whole, 0, 39, 39 + len(new)), new)
        run(program, "check", "--tokens", 60)
        return found

    def logits(self, program, ids):
        write_ids(self.folder / "ids.npy", [ids])
        run(program, "run", "--ids", self.folder / "ids.npy", "--out", f"logits={self.folder}/logits.npy")
        logits = read_npy(self.folder / "logits.npy")
        logits.shape = logits.shape[1:]
        return logits

    def test_decoder(self):
        text = decoder("window[h]", [2, 4, 8, 64])
        narrow = self.decode("heads", text)
        self.decode("heads", text, "--disable=fuse-attention")
        # The heads' windows matter: in another order they give other logits.
        other = self.decode("turned", decoder("window[h]", [64, 8, 4, 2]))
        self.assertNotEqual(narrow.values, other.values)

    def test_decoder_by_layer(self):
        self.decode("layers", decoder("window[i]", [4, 16, 64]))


if __name__ == "__main__":
    unittest.main()
