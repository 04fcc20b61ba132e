"""PyTorch's FlexAttention, compiled: masks and score rules as functions, blocks of the mask from create_block_mask."""
import time

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from torch_peer import tensors
from worker import Way


def mask_rule(row):
    if row["mask"] == "full":
        return None
    if row["mask"] == "window":
        return lambda b, h, q, kv: (kv <= q) & (q - kv < row["window"])
    if row["mask"] == "documents":
        length = row["sequence"] // row["documents"]
        documents = torch.arange(row["sequence"]) // length
        return lambda b, h, q, kv: (kv <= q) & (documents[q] == documents[kv])
    return lambda b, h, q, kv: kv <= q


def attention(row, folder):
    q, k, v = tensors(row, folder, "qkv")
    n, rule, blocks, mask_seconds = row["sequence"], mask_rule(row), None, None
    if rule:
        create_block_mask(rule, None, None, n, n, device="cpu")
        began = time.perf_counter()
        blocks = create_block_mask(rule, None, None, n, n, device="cpu")
        mask_seconds = time.perf_counter() - began
    cap = row["softcap"]
    score = (lambda s, b, h, q, kv: cap * torch.tanh(s / cap)) if cap else None
    torch._dynamo.reset()  # no row pays for guards on another
    compiled = torch.compile(flex_attention, dynamic=False)

    def run():
        return compiled(q, k, v, score_mod=score, block_mask=blocks)
    return Way("compiled", run, lambda: run().float().numpy(), mask_seconds)


def ways(row, folder, threads):
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return [lambda: attention(row, folder)] if row["kind"] == "Attention" else []
