#!/usr/bin/env python3
"""Makes tests/golden/minilm/: sentence embeddings of all-MiniLM-L6-v2, computed in f64.

Run by hand after `scripts/fetch-models minilm` (torch 2.13, transformers 5, tokenizers, safetensors).
README.md here says what each file holds.
"""
import json
import os
import pathlib
import sys

import numpy as np
import tokenizers
import torch
import transformers
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "minilm"
CACHE = pathlib.Path(os.environ.get("HEED_CACHE") or "~/.cache/heed").expanduser() / "all-MiniLM-L6-v2"

LIMIT = 256  # as sentence-transformers sets it; the tokenizer.json says 128
LONG = (HERE / "perplexity_text.txt").read_text()
TEXTS = [
    "",
    "a",
    "The cat sat on the mat.",
    "A kitten was resting on the rug.",
    "Interest rates were raised by half a percent on Tuesday.",
    "Crème brûlée, naïve façades & ÅNGSTRÖM: Ünïcödé!",
    "机器学习 is 机械学習 in Japanese; 1,234.56 + 7e-8 ≠ 0",
    "unbelievably antidisestablishmentarianism xqzvkj 🙂 [MASK] ...!?",
    "  Spaces\tand\nlines   between   words  ",
    LONG[:200],
    LONG[:600],
    LONG,
]
HIDDEN = 7  # the text whose last hidden state is kept whole


@torch.no_grad()
def main():
    if not CACHE.is_dir():
        sys.exit(f"{CACHE} is missing: run scripts/fetch-models minilm")
    torch.set_num_threads(1)
    tokenizer = tokenizers.Tokenizer.from_file(str(CACHE / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT)

    config = transformers.BertConfig.from_pretrained(CACHE)
    model = transformers.BertModel(config).double().eval()
    weights = {k: v.double() for k, v in load_file(CACHE / "model.safetensors").items()}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert all("_ids" in name for name in missing + unexpected), (missing, unexpected)

    ids, embeddings = [], []
    for index, text in enumerate(TEXTS):
        ids.append(tokenizer.encode(text).ids)
        hidden = model(torch.tensor([ids[-1]])).last_hidden_state
        assert hidden.dtype == torch.float64
        mean = hidden[0].mean(0)
        embeddings.append((mean / mean.norm()).numpy())
        if index == HIDDEN:
            OUT.mkdir(exist_ok=True)
            np.save(OUT / "hidden_ids.npy", np.array([ids[-1]], np.int64))
            np.save(OUT / "hidden_last.npy", hidden.numpy().astype(np.float32))
    embeddings = np.array(embeddings)
    np.save(OUT / "embeddings.npy", embeddings.astype(np.float32))
    about = dict(torch=torch.__version__, transformers=transformers.__version__, limit=LIMIT,
                 texts=TEXTS, ids=ids)
    (OUT / "about.json").write_text(json.dumps(about, ensure_ascii=False) + "\n")
    print("tokens:", [len(x) for x in ids])
    print("cat and kitten", embeddings[2] @ embeddings[3], "cat and rates", embeddings[2] @ embeddings[4])


if __name__ == "__main__":
    main()
