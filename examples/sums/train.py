#!/usr/bin/env python3
"""Trains the sums model and writes its weights, tokenizer and held_out.txt beside itself.

Run by hand (needs torch and safetensors): one thread, about ten minutes; the same seed gives the
same data. One pair in ten, with its mirror, is never trained on; the printed figure is the share of
those pairs whose whole answer, end token included, greedy decoding gets right in f32.
"""
import argparse
import json
import math
import pathlib
import time

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

import sums_model as M

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 1000  # numbers are 0 .. LIMIT - 1
LENGTH = len("999+999=1998") + 2  # with the begin and the end token
IGNORE = -100  # a target without loss


def held_out_table():
    """[LIMIT, LIMIT] bool, symmetric: True where a + b must not be trained on."""
    draw = np.random.default_rng(20240607).random((LIMIT, LIMIT))
    upper = np.triu(draw)
    return (upper + np.triu(upper, 1).T) < 0.1


def digit_count(x):
    return 1 + (x >= 10) + (x >= 100) + (x >= 1000)


def encode_sums(a, b):
    """a, b [n] -> ids, targets [n, LENGTH - 1]; targets are IGNORE outside the answer."""
    n = len(a)
    rows = np.arange(n)
    text = np.full((n, LENGTH), M.END, np.int64)
    text[:, 0] = M.BEGIN
    at = np.ones(n, np.int64)
    for value, mark in ((a, M.ID["+"]), (b, M.ID["="]), (a + b, M.END)):
        count = digit_count(value)
        if mark == M.END:
            answer = at.copy()
        for place in range(4):
            has = place < count
            text[rows[has], (at + count - 1 - place)[has]] = M.ID["0"] + (value // 10**place % 10)[has]
        at = at + count
        text[rows, at] = mark
        at = at + 1
    targets = text[:, 1:].copy()
    position = np.arange(1, LENGTH)
    targets[(position < answer[:, None]) | (position >= at[:, None])] = IGNORE
    return torch.from_numpy(text[:, :-1]), torch.from_numpy(targets)


def numbers_of_any_length(rng, n):
    """Numbers whose count of digits, not whose value, is uniform."""
    return (rng.random(n) * 10.0 ** rng.integers(1, 4, n)).astype(np.int64)


def sample(rng, n, table):
    """Training pairs: half uniform, a quarter of any lengths, a quarter with long carries."""
    a, b = rng.integers(0, LIMIT, (2, 2 * n))
    kind = rng.random(2 * n)
    short = kind < 0.25
    a[short], b[short] = (numbers_of_any_length(rng, short.sum()) for _ in range(2))
    carry = kind > 0.75
    # Digits that make nine: the carry out of a place then hangs on the places below it.
    nines = 999 - a[carry]
    place = 10 ** rng.integers(0, 3, carry.sum())
    b[carry] = np.clip(nines + rng.integers(-2, 3, carry.sum()) * place, 0, LIMIT - 1)
    tens = rng.random(carry.sum()) < 0.5
    b[carry] = np.where(tens, b[carry] % 100 + 100 * rng.integers(0, 10, carry.sum()), b[carry])
    keep = np.flatnonzero(~table[a, b])[:n]
    return a[keep], b[keep]


def rate_at(done):
    """Share of the peak learning rate when `done` (0 .. 1) of the steps are made: warm-up, cosine."""
    return min(1, done / 0.02) * (0.5 + 0.5 * math.cos(math.pi * done))


@torch.no_grad()
def wrong_pairs(model, a, b, chunk=20000):
    """Indices where greedy decoding differs somewhere from the answer and its end token.

    Greedy decoding is right exactly when each token is the argmax after the right ones before it,
    so one pass over the finished text decides.
    """
    wrong = []
    for start in range(0, len(a), chunk):
        ids, targets = encode_sums(a[start : start + chunk], b[start : start + chunk])
        bad = ((model(ids).argmax(-1) != targets) & (targets != IGNORE)).any(1)
        wrong.append(start + bad.nonzero()[:, 0].numpy())
    return np.concatenate(wrong)


def tokenizer():
    special = lambda i: dict(id=i, content=M.TOKENS[i], single_word=False, lstrip=False,
                             rstrip=False, normalized=False, special=True)
    return dict(
        version="1.0", truncation=None, padding=None,
        added_tokens=[special(M.BEGIN), special(M.END)],
        normalizer=None,
        pre_tokenizer=dict(type="Sequence", pretokenizers=[
            dict(type="Digits", individual_digits=True),
            dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)]),
        post_processor=dict(
            type="TemplateProcessing",
            single=[{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            pair=[{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                  {"Sequence": {"id": "B", "type_id": 1}}],
            special_tokens={"<s>": dict(id="<s>", ids=[M.BEGIN], tokens=["<s>"])}),
        decoder=dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True),
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None,
                   end_of_word_suffix=None, fuse_unk=False, byte_fallback=False, ignore_merges=False,
                   vocab=M.ID, merges=[]),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    table = held_out_table()
    held = np.argwhere(table)
    probe = held[np.random.default_rng(5).permutation(len(held))[:5000]]

    model = M.Sums()
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    matrices = [p for p in model.layers.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if all(p is not m for m in matrices)]
    optimizers = [
        torch.optim.Muon(matrices, lr=options.rate, weight_decay=options.decay,
                         adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=options.rate, weight_decay=0.0, betas=(0.9, 0.98)),
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: rate_at(step / options.steps))
                 for o in optimizers]

    begin = time.monotonic()
    for step in range(options.steps):
        # The matmuls run in bf16 until the last tenth: the weights and the figure are f32.
        with torch.autocast("cpu", torch.bfloat16, enabled=step < 0.9 * options.steps):
            ids, targets = encode_sums(*sample(rng, options.batch, table))
            logits = model(ids).float()
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in optimizers + schedules:
            part.step()
        if step % 500 == 0:
            right = 1 - len(wrong_pairs(model, *probe.T)) / len(probe)
            minutes = (time.monotonic() - begin) / 60
            print(f"{minutes:4.1f} min, step {step}, loss {loss.item():.5f}, held-out {right:.2%}", flush=True)

    wrong = wrong_pairs(model, *held.T)
    print(f"held-out: {len(held) - len(wrong)} of {len(held)} right, {1 - len(wrong) / len(held):.4%}")
    print("wrong:", held[wrong[:20]].tolist())
    options.out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, options.out / "sums.safetensors")
    (options.out / "tokenizer.json").write_text(json.dumps(tokenizer(), indent=1) + "\n")
    config = dict(bos_token=M.TOKENS[M.BEGIN], eos_token=M.TOKENS[M.END])
    (options.out / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    lines = [f"{a}+{b}={a + b}\n" for a, b in held[np.random.default_rng(7).permutation(len(held))[:2000]]]
    (options.out / "held_out.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
