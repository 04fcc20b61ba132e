"""The sums model in torch: the same mathematics as sums.yaml, in any float type.

A decoder of the Llama kind: RMS norm before, rotary positions (halves), grouped queries, gated
SiLU, the embedding table used again for the logits. Parameters carry the names of the checkpoint.
"""
import torch
from torch import nn
from torch.nn import functional as F

TOKENS = ["<s>", "</s>"] + list("0123456789+=")
BEGIN, END = 0, 1
ID = {token: i for i, token in enumerate(TOKENS)}

MODEL, HEADS, KV_HEADS, HEAD, FFN, LAYERS = 64, 4, 2, 16, 192, 3
EPS, THETA = 1e-5, 10000.0


def rms_norm(x, weight):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * weight


def rope(x, positions):
    """Turns x[..., n, HEAD] by its position; dimension d is paired with d + HEAD / 2."""
    half = HEAD // 2
    frequency = THETA ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.to(torch.float64)[:, None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Linear(MODEL, HEADS * HEAD, bias=False)
        self.k = nn.Linear(MODEL, KV_HEADS * HEAD, bias=False)
        self.v = nn.Linear(MODEL, KV_HEADS * HEAD, bias=False)
        self.out = nn.Linear(HEADS * HEAD, MODEL, bias=False)

    def forward(self, x):
        batch, n, _ = x.shape
        positions = torch.arange(n)
        split = lambda y, heads: y.view(batch, n, heads, HEAD).transpose(1, 2)
        q = rope(split(self.q(x), HEADS), positions)
        k = rope(split(self.k(x), KV_HEADS), positions)
        v = split(self.v(x), KV_HEADS)
        k, v = (y.repeat_interleave(HEADS // KV_HEADS, 1) for y in (k, v))
        scores = q @ k.transpose(-1, -2) / HEAD**0.5
        scores = scores.masked_fill(positions > positions[:, None], float("-inf"))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, n, HEADS * HEAD))


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(MODEL, FFN, bias=False)
        self.up = nn.Linear(MODEL, FFN, bias=False)
        self.down = nn.Linear(FFN, MODEL, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(MODEL))

    def forward(self, x):
        return rms_norm(x, self.weight)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.attention = Norm(), Attention()
        self.ffn_norm, self.ffn = Norm(), FeedForward()

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.ffn(self.ffn_norm(x))


class Sums(nn.Module):
    """ids [batch, n] int64 -> logits [batch, n, len(TOKENS)]."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(TOKENS), MODEL)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm()
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.05)

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.embed.weight.T


def encode(text):
    return [BEGIN] + [ID[c] for c in text]
