#!/usr/bin/env python3
"""Makes tests/golden/smollm2/: what SmolLM2-135M-Instruct answers, computed in f64.

Run by hand after `scripts/fetch-models smollm2` (torch 2.13, transformers 5, gguf, tokenizers). The
weights are those of the GGUF, dequantised by the gguf package; the arithmetic is transformers'
LlamaForCausalLM in f64, with the three places patched that it computes in f32 whatever the model's
type is. README.md here says what each file holds.
"""
import json
import math
import os
import pathlib
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from transformers.models.llama import modeling_llama

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "smollm2"
CACHE = pathlib.Path(os.environ.get("HEED_CACHE") or "~/.cache/heed").expanduser()

EVERY = 97  # of the 49152 logits, every 97th is kept
TOP = 32
STEPS = 64


class RmsNorm64(torch.nn.Module):
    def __init__(self, weight, eps):
        super().__init__()
        self.weight, self.eps = weight, eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class Rotary64(torch.nn.Module):
    """cos and sin [batch, n, head] of positions [batch, n], in f64 from the formula on."""

    def __init__(self, head, theta):
        super().__init__()
        self.frequency = theta ** (-torch.arange(0, head, 2, dtype=torch.float64) / head)

    def forward(self, x, position_ids):
        angle = position_ids[..., None].double() * self.frequency
        angle = torch.cat([angle, angle], -1)
        return angle.cos(), angle.sin()


def halves_from_adjacent(weight, heads):
    """GGUF's llama orders the rows of q and k for pairs (2d, 2d+1); transformers pairs (d, d+head/2)."""
    out, size = weight.shape
    return weight.reshape(heads, out // heads // 2, 2, size).swapaxes(1, 2).reshape(out, size)


def load(reader):
    def field(name):
        return reader.fields[name].contents()

    heads, kv_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    theta, eps = field("llama.rope.freq_base"), field("llama.attention.layer_norm_rms_epsilon")
    config = transformers.LlamaConfig(
        vocab_size=field("llama.vocab_size"), hidden_size=field("llama.embedding_length"),
        intermediate_size=field("llama.feed_forward_length"), num_hidden_layers=field("llama.block_count"),
        num_attention_heads=heads, num_key_value_heads=kv_heads, rms_norm_eps=eps,
        max_position_embeddings=field("llama.context_length"), tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=theta), attn_implementation="sdpa")
    names = {
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    }
    state = {}
    for tensor in reader.tensors:
        weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        part = tensor.name.split(".")
        if part[0] == "blk":
            if part[2] in ("attn_q", "attn_k"):
                weight = halves_from_adjacent(weight, heads if part[2] == "attn_q" else kv_heads)
            name = f"model.layers.{part[1]}.{names[part[2]]}.weight"
        else:
            name = {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight"}[part[0]]
        state[name] = torch.from_numpy(np.ascontiguousarray(weight))
    model = transformers.LlamaForCausalLM(config).double().eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and missing in ([], ["lm_head.weight"]), (missing, unexpected)
    model.tie_weights()

    for name, module in list(model.named_modules()):
        if isinstance(module, modeling_llama.LlamaRMSNorm):
            model.set_submodule(name, RmsNorm64(module.weight, eps))
    model.model.rotary_emb = Rotary64(config.hidden_size // heads, theta)
    return model


def load_tokenizer(reader):
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = reader.fields["tokenizer.ggml.merges"].contents()
    types = reader.fields["tokenizer.ggml.token_type"].contents()
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(
        {token: i for i, token in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens(control)
    assert tokenizer.get_vocab_size() == len(tokens)
    return tokenizer


def chat(question):
    return ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
            f"<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")


LONG = (HERE / "perplexity_text.txt").read_text()
CODE = '''def collatz(n):
    """Number of steps until n reaches 1."""
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps

assert collatz(27) == 111
'''
MANY_SCRIPTS = (
    "Grüße aus Zürich! Ça va? ¿Qué tal? Привет, как дела? Γειά σου Κόσμε. 你好，世界。こんにちは。안녕하세요. "
    "שלום עולם. مرحبا بالعالم. नमस्ते दुनिया। 👩‍👩‍👧‍👦 🇨🇭 ✨ x² + y³ = z¹⁰, 1234567890 ½ ‰ naïve café ﬁn.\n\n\tTabs\tand   spaces.")

# The text and how many of its tokens make the prompt.
PROMPTS = [
    ("The", 1),
    ("Once upon a time", 2),
    ("The capital of France is", None),
    (chat("What is the capital of France?"), None),
    (CODE, None),
    (MANY_SCRIPTS, 129),
    (LONG[1000:], 257),
    (LONG, 700),
]
GREEDY = [
    "Once upon a time",
    "The capital of France is",
    chat("Name three uses of salt."),
    CODE + "\ndef is_prime(n):\n",
]


def save(name, array):
    np.save(OUT / f"{name}.npy", array)


@torch.no_grad()
def main():
    path = CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not path.exists():
        sys.exit(f"{path} is missing: run scripts/fetch-models smollm2")
    torch.set_num_threads(1)
    reader = gguf.GGUFReader(path)
    model, tokenizer = load(reader), load_tokenizer(reader)
    OUT.mkdir(exist_ok=True)
    about = dict(torch=torch.__version__, transformers=transformers.__version__, every=EVERY,
                 prompts=[], greedy=[])

    for index, (text, count) in enumerate(PROMPTS):
        ids = tokenizer.encode(text).ids[:count]
        assert count is None or len(ids) == count
        n = len(ids)
        positions = sorted({0, n // 3, 2 * n // 3, n - 1})
        logits = model(torch.tensor([ids])).logits[0, positions]
        assert logits.dtype == torch.float64
        top = logits.topk(TOP)
        save(f"prompt{index}_ids", np.array([ids], np.int64))
        save(f"prompt{index}_positions", np.array(positions, np.int64))
        save(f"prompt{index}_logits", logits[:, ::EVERY].numpy().astype(np.float32))
        save(f"prompt{index}_top_ids", top.indices.numpy())
        save(f"prompt{index}_top_logits", top.values.numpy().astype(np.float32))
        about["prompts"].append(dict(text=text, tokens=n, whole=count is None))
        print(f"prompt {index}: {n} tokens, then {tokenizer.decode([top.indices[-1, 0]])!r}", flush=True)

    for index, text in enumerate(GREEDY):
        ids = tokenizer.encode(text).ids
        new, margins, cache, feed = [], [], None, ids
        for _ in range(STEPS):
            out = model(torch.tensor([feed]), past_key_values=cache, use_cache=True)
            cache, best = out.past_key_values, out.logits[0, -1].topk(2)
            new.append(int(best.indices[0]))
            margins.append(float(best.values[0] - best.values[1]))
            feed = new[-1:]
        save(f"greedy{index}_ids", np.array([ids], np.int64))
        save(f"greedy{index}_new", np.array(new, np.int64))
        save(f"greedy{index}_margins", np.array(margins, np.float32))
        about["greedy"].append(dict(text=text, answer=tokenizer.decode(new, skip_special_tokens=False)))
        print(f"greedy {index}: least margin {min(margins):.4f}: {about['greedy'][-1]['answer']!r}", flush=True)

    ids = tokenizer.encode(LONG).ids
    logits = model(torch.tensor([ids])).logits[0, :-1]
    nll = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
    save("perplexity_ids", np.array([ids], np.int64))
    save("perplexity_nll", nll.numpy().astype(np.float32))
    about["perplexity"] = dict(text="../perplexity_text.txt", tokens=len(ids), scored=len(nll),
                               mean_nll=float(nll.mean()), perplexity=math.exp(float(nll.mean())))
    print(about["perplexity"])
    (OUT / "about.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
