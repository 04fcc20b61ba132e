#!/usr/bin/env python3
"""Makes tests/golden/sums/: logits of the sums model in f64, by examples/sums/sums_model.py.

Run by hand (torch, safetensors) after examples/sums/train.py. README.md here says what each file holds.
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
SUMS = HERE.parents[1] / "examples" / "sums"
sys.path.insert(0, str(SUMS))
import sums_model  # noqa: E402

# The shortest prompt, one of another length on each side, and a whole line with its longest carry.
PROMPTS = ["7+5=", "12+30=", "999+1=1000"]


@torch.no_grad()
def main():
    model = sums_model.Sums().double()
    model.load_state_dict(load_file(SUMS / "sums.safetensors"))
    out = HERE / "sums"
    out.mkdir(exist_ok=True)
    for index, text in enumerate(PROMPTS):
        ids = np.array([sums_model.encode(text)], np.int64)
        logits = model(torch.from_numpy(ids))
        np.save(out / f"prompt{index}_ids.npy", ids)
        np.save(out / f"prompt{index}_logits.npy", logits.numpy().astype(np.float32))
        print(text, "then", sums_model.TOKENS[int(logits[0, -1].argmax())])


if __name__ == "__main__":
    main()
