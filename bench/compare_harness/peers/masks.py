"""The masks of the rows as arrays, for peers that want them so."""
import time

import numpy


def allowed(row):
    """Bools [sequence, sequence]: which keys a query sees."""
    n = row["sequence"]
    q, kv = numpy.arange(n)[:, None], numpy.arange(n)[None, :]
    if row["mask"] == "full":
        return numpy.ones((n, n), bool)
    if row["mask"] == "window":
        return (kv <= q) & (q - kv < row["window"])
    if row["mask"] == "documents":
        length = n // row["documents"]
        return (kv <= q) & (q // length == kv // length)
    return kv <= q


def additive(row):
    """(float32 [1, 1, sequence, sequence] of 0 and -inf, seconds to make it)."""
    began = time.perf_counter()
    mask = numpy.where(allowed(row), numpy.float32(0), numpy.float32(-numpy.inf))[None, None]
    return mask, time.perf_counter() - began


def inputs(row, folder):
    """q, k, v as float32 [batch, heads, sequence, head]."""
    shape = (row["batch"], row["heads"], row["sequence"], row["head"])
    return [numpy.load(f"{folder}/{name}.npy").reshape(shape) for name in "qkv"]
