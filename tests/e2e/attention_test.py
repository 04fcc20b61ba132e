"""heed view --attention: the weights that a picture shows, against f64."""
import json
import math
import struct
import unittest
import xml.dom.minidom

from support import BUILD, HEED, ORACLE, SOURCE, EndToEnd, read_npy, run, write_npy

SUMS = SOURCE / "examples/sums"
PROMPT = "534+990="
VOCABULARY = json.loads((SUMS / "tokenizer.json").read_text())["model"]["vocab"]
IDS = [VOCABULARY["<s>"], *(VOCABULARY[character] for character in PROMPT)]
HEADS, KV_HEADS, HEAD, MODEL = 4, 2, 16, 64


def weights_of_sums():
    """The checkpoint's tensors as lists of rows."""
    data = (SUMS / "sums.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32"
        first, last = entry["data_offsets"]
        values = struct.unpack(f"<{(last - first) // 4}f", data[8 + size + first:8 + size + last])
        width = entry["shape"][-1]
        rows = [values[at:at + width] for at in range(0, len(values), width)]
        tensors[name] = rows if len(entry["shape"]) > 1 else rows[0]
    return tensors


def first_layer():
    """The attention of layer 0 by its formula: [head][query][key]."""
    weights = weights_of_sums()
    norm = weights["layers.0.attention_norm.weight"]

    def project(row, matrix):
        scale = 1 / math.sqrt(sum(x * x for x in row) / MODEL + 1e-5)
        normed = [x * scale * w for x, w in zip(row, norm)]
        return [sum(a * b for a, b in zip(normed, out)) for out in matrix]

    def turned(vector, position):
        half = HEAD // 2
        out = [0.0] * HEAD
        for i in range(half):
            angle = position * 10000 ** (-2 * i / HEAD)
            a, b = vector[i], vector[i + half]
            out[i] = a * math.cos(angle) - b * math.sin(angle)
            out[i + half] = b * math.cos(angle) + a * math.sin(angle)
        return out

    rows = [weights["embed.weight"][token] for token in IDS]
    q = [project(row, weights["layers.0.attention.q.weight"]) for row in rows]
    k = [project(row, weights["layers.0.attention.k.weight"]) for row in rows]
    part = lambda row, i, at: turned(row[i * HEAD:(i + 1) * HEAD], at)
    result = []
    for head in range(HEADS):
        result.append([])
        for i in range(len(IDS)):
            query = part(q[i], head, i)
            scores = [sum(a * b for a, b in zip(query, part(k[j], head // (HEADS // KV_HEADS), j))) / math.sqrt(HEAD)
                      for j in range(i + 1)]
            exponents = [math.exp(score - max(scores)) for score in scores]
            result[-1].append([e / sum(exponents) for e in exponents] + [0.0] * (len(IDS) - 1 - i))
    return result


class Attention(EndToEnd):
    def view(self, *words, check=True):
        return run(HEED, "view", "--attention", *words, check=check)

    def weights(self, layer):
        out = self.folder / f"layer{layer}.npy"
        self.view(SUMS / "sums.yaml", "--prompt", PROMPT, "--layer", layer, "-o", out)
        return read_npy(out)

    def test_the_first_layer_equals_its_formula(self):
        found = self.weights(0)
        self.assertEqual(found.shape, (HEADS, len(IDS), len(IDS)))
        for head, matrix in enumerate(first_layer()):
            for query, row in enumerate(matrix):
                mine = found.row(head, query)
                self.assertLess(max(abs(a - b) for a, b in zip(mine, row)), 1e-5)
                self.assertAlmostEqual(sum(mine), 1, places=5)
                # What the mask forbids is nothing, not little.
                self.assertEqual(list(mine[query + 1:]), [0.0] * (len(IDS) - 1 - query))

    def test_a_later_layer_equals_the_reference(self):
        model, plain = self.folder / "model.mlir", self.folder / "plain.mlir"
        model.write_bytes(run(HEED, "ir", SUMS / "sums.yaml", "--stage=model").stdout)
        run(BUILD / "tools/heed-opt", "--attn-store-probabilities=layer=2", model, "-o", plain)
        write_npy(self.folder / "ids.npy", (len(IDS),), IDS, "q")
        expected = self.folder / "expected.npy"
        run(ORACLE, plain, "--inputs", f"tokens={self.folder}/ids.npy", "--outputs", f"probabilities={expected}")
        self.assertClose(self.weights(2), read_npy(expected), 1e-5)

    def test_the_pictures(self):
        for name, more in (("all.svg", []), ("one.html", ["--head", 1])):
            out = self.folder / name
            done = self.view(SUMS / "sums.yaml", "--prompt", PROMPT, "--layer", 1, *more, "-o", out)
            self.assertEqual(done.stdout.decode().strip(), str(out))
            text = out.read_text()
            svg = xml.dom.minidom.parseString(text[text.index("<svg"):text.index("</svg>") + 6])
            # Nothing from elsewhere.
            for word in ("<script", "href", "url(", "@import"):
                self.assertNotIn(word, text)
            if more:
                labels = [node.firstChild.data for node in svg.getElementsByTagName("text")
                          if node.getAttribute("class") == "token"]
                self.assertEqual(labels, [label for token in ["<s>", *PROMPT] for label in (token, token)])
                # A pair with a weight says it; masked pairs are the ground.
                pairs = len(IDS) * (len(IDS) + 1) // 2
                self.assertEqual(sum(" to " in node.firstChild.data for node in svg.getElementsByTagName("title")), pairs)

    def test_what_cannot_be_drawn(self):
        sums = SUMS / "sums.yaml"
        for words, code, message in (
                ([sums], 1, "the prompt is empty; give it with --prompt or --file"),
                ([sums, "--prompt", PROMPT, "--layer", 3], 1, "there is no layer 3: the model has 3 attentions, from layer 0 on"),
                ([sums, "--prompt", PROMPT, "--head", 4], 1, "there is no head 4: the layer has 4, from head 0 on"),
                ([sums, "--prompt", "1" * 40], 1, "the prompt has 41 tokens; expected at most 32, the model's context"),
                ([sums, "--file", self.folder / "nowhere"], 1, "nowhere: cannot be read"),
                ([SOURCE / "examples/tour/03-masked.yaml", "--prompt", "x"], 1, "only the attention of a model of tokens with a "
                 "tokenizer is drawn"),
                ([sums, "--mask"], 2, "--mask"),
                ([sums, "--length", 8, "--prompt", PROMPT], 2, "--length")):
            done = self.view(*words, "-o", self.folder / "none.html", check=False)
            self.assertEqual(done.returncode, code, words)
            self.assertIn(message, done.stderr.decode())
            self.assertFalse((self.folder / "none.html").exists())


if __name__ == "__main__":
    unittest.main()
