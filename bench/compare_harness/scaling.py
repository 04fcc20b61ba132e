"""What the plots show: cost against one size at a time, heed and PyTorch beside it."""
import dataclasses
import sys

from . import table
from .rows import Attention

BASE = Attention("f32", "causal", 64, sequence=1024, heads=4)
PEER = "torch"
PEER_KEYS = 8192  # PyTorch's cost of a window grows with all pairs
SERIES = {
    "sequence": [Attention("f32", mask, 64, sequence=1024 << i) for mask in ("causal", "window") for i in range(7)],
    "head": [dataclasses.replace(BASE, head=head) for head in (32, 48, 64, 80, 96, 100, 112, 128, 160, 192, 256)],
    "heads": [dataclasses.replace(BASE, heads=heads) for heads in (1, 2, 3, 4, 6, 8, 12, 16, 32)],
    "batch": [dataclasses.replace(BASE, batch=batch) for batch in (1, 2, 3, 4, 6, 8, 16)],
}
TITLES = [*SERIES, "threads"]
THREADS = [dataclasses.replace(BASE, sequence=2048, heads=8), dataclasses.replace(BASE, sequence=4096, heads=1),
           Attention("f32", "window", 64, sequence=8192)]


def point(comparison, row, x):
    """One result, with the size that varies and the bytes of inputs and output."""
    peers = [peer for peer in comparison.peers if peer.name == PEER and row.sequence <= PEER_KEYS]
    result = dataclasses.replace(comparison, peers=peers, absent={}).measure(row)
    result.update(x=x, mask=row.mask, tensors=4 * 4 * row.batch * row.heads * row.sequence * row.head)
    print(table.progress(result), file=sys.stderr, flush=True)
    return result


def measure(comparison_of, threads, wanted):
    """{title: results} of the series that are wanted. comparison_of(n) makes a Comparison of n threads; threads: the most."""
    series = {}
    for title, rows in SERIES.items():
        if title in wanted:
            alone = comparison_of(1)
            try:
                series[title] = [point(alone, row, getattr(row, title)) for row in rows]
            finally:
                alone.stop()
    for count in range(1, threads + 1 if "threads" in wanted else 1):
        together = comparison_of(count)
        try:
            series.setdefault("threads", []).extend(point(together, row, count) for row in THREADS)
        finally:
            together.stop()
    return series
