"""PyTorch: F.scaled_dot_product_attention and F.linear, eager; MiniLM eager and compiled."""
import time

import numpy
import torch
import torch.nn.functional as F

import bert
from worker import NotExpressible, Way

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def tensors(row, folder, names):
    """Inputs as [batch, heads, sequence, head], in the row's type."""
    shape = (row["batch"], row["heads"], row["sequence"], row["head"])
    return [torch.from_numpy(numpy.load(f"{folder}/{name}.npy").reshape(shape)).to(TYPES[row["type"]]) for name in names]


def allowed(row):
    """The mask as bools [sequence, sequence]."""
    n = row["sequence"]
    q, kv = torch.arange(n)[:, None], torch.arange(n)[None, :]
    if row["mask"] == "window":
        return (kv <= q) & (q - kv < row["window"])
    length = n // row["documents"]
    return (kv <= q) & (q // length == kv // length)


def attention(row, folder):
    if row["softcap"]:
        raise NotExpressible()
    q, k, v = tensors(row, folder, "qkv")
    mask, mask_seconds = None, None
    if row["mask"] in ("window", "documents"):
        allowed(row)
        began = time.perf_counter()
        mask = allowed(row)
        mask_seconds = time.perf_counter() - began

    def run():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=row["mask"] == "causal")
    return Way("SDPA", run, lambda: run().float().numpy(), mask_seconds)


def linear(row, folder):
    x = torch.from_numpy(numpy.load(folder + "/x.npy")).to(TYPES[row["type"]])
    w = torch.from_numpy(numpy.load(folder + "/w.npy")).to(TYPES[row["type"]])

    def run():
        return F.linear(x, w)
    return Way("linear", run, lambda: run().float().numpy())


class MiniLM(torch.nn.Module):
    def __init__(self, weights, kind):
        super().__init__()
        self.w = {name: torch.from_numpy(value).to(kind) for name, value in weights.items()}
        for i in range(bert.LAYERS):
            for part in ("weight", "bias"):
                names = [f"encoder.layer.{i}.attention.self.{which}.{part}" for which in ("query", "key", "value")]
                self.w[f"{i}.qkv.{part}"] = torch.cat([self.w[name] for name in names])

    def norm(self, x, name):
        return F.layer_norm(x, (bert.MODEL,), self.w[name + ".weight"], self.w[name + ".bias"], bert.EPS)

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def forward(self, ids):
        batch, length = ids.shape
        x = (F.embedding(ids, self.w["embeddings.word_embeddings.weight"])
             + self.w["embeddings.position_embeddings.weight"][:length] + self.w["embeddings.token_type_embeddings.weight"][0])
        x = self.norm(x, "embeddings.LayerNorm")
        for i in range(bert.LAYERS):
            name = f"encoder.layer.{i}"
            q, k, v = (t.view(batch, length, bert.HEADS, -1).transpose(1, 2) for t in self.linear(x, f"{i}.qkv").chunk(3, -1))
            a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, bert.MODEL)
            x = self.norm(x + self.linear(a, name + ".attention.output.dense"), name + ".attention.output.LayerNorm")
            h = self.linear(F.gelu(self.linear(x, name + ".intermediate.dense")), name + ".output.dense")
            x = self.norm(x + h, name + ".output.LayerNorm")
        return F.normalize(x.mean(1), dim=-1)


def minilm(row, folder, compiled):
    ids = torch.from_numpy(numpy.load(folder + "/ids.npy"))
    model = MiniLM(bert.load(row["weights"]), TYPES[row["type"]])
    run = torch.compile(model) if compiled else model
    return Way("compiled" if compiled else "eager", lambda: run(ids), lambda: run(ids).float().numpy())


def ways(row, folder, threads):
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    if row["kind"] == "Attention":
        return [lambda: attention(row, folder)]
    if row["kind"] == "Linear":
        return [lambda: linear(row, folder)]
    if row["kind"] == "MiniLM":
        return [lambda: minilm(row, folder, False), lambda: minilm(row, folder, True)]
    return []
