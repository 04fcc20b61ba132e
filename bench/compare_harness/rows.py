"""The rows of the comparison: what is computed, on what sizes."""
import dataclasses

WINDOW, SOFTCAP, DOCUMENTS = 256, 50, 4


@dataclasses.dataclass(frozen=True)
class Attention:
    """Attention over inputs that are N(0, 1): [batch, heads, sequence, head], queries as many as keys."""
    type: str  # f32 or bf16
    mask: str  # full, causal, window (causal, WINDOW keys), documents (causal, DOCUMENTS of equal length)
    head: int
    sequence: int = 2048
    softcap: bool = False
    heads: int = 1
    batch: int = 1
    unit = "GFLOP/s"

    @property
    def name(self):
        parts = ["attention", self.type, self.mask]
        parts += ["softcap"] if self.softcap else []
        parts += [f"D={self.head}", f"S={self.sequence}"]
        parts += [f"H={self.heads}"] if self.heads > 1 else []
        parts += [f"B={self.batch}"] if self.batch > 1 else []
        return " ".join(parts)

    @property
    def scores(self):
        """The pairs that the mask allows."""
        def causal(n, width):
            full = min(n, width)
            return full * (full + 1) // 2 + (n - full) * width
        n = self.sequence
        one = {"full": n * n, "causal": causal(n, n), "window": causal(n, WINDOW),
               "documents": DOCUMENTS * causal(n // DOCUMENTS, n)}[self.mask]
        return one * self.heads * self.batch

    @property
    def work(self):
        """Floating-point operations: 4 D for each allowed score, and no others."""
        return 4 * self.head * self.scores

    @property
    def tolerance(self):
        return 2e-5 if self.type == "f32" else 3e-2


@dataclasses.dataclass(frozen=True)
class Linear:
    """y [m, n] = x [m, k] times a weight [n, k], turned."""
    type: str
    m: int
    n: int
    k: int
    unit = "GFLOP/s"

    @property
    def name(self):
        return f"linear {self.type} {self.m}x{self.n}x{self.k}"

    @property
    def work(self):
        return 2 * self.m * self.n * self.k

    @property
    def tolerance(self):
        return 1e-3 if self.type == "f32" else 1.0  # of sums of k products of N(0, 1)


@dataclasses.dataclass(frozen=True)
class MiniLM:
    """Sentence embeddings of token ids, all of one length: examples/minilm.yaml."""
    type: str
    batch: int
    length: int
    unit = "sentences/s"

    @property
    def name(self):
        return f"minilm {self.type} batch {self.batch} of {self.length}"

    @property
    def case(self):
        """As `OUT bench` and `heed bench` name it."""
        return f"batch {self.batch} of {self.length} tokens"

    @property
    def work(self):
        return self.batch

    @property
    def tolerance(self):
        return 1e-5 if self.type == "f32" else 2e-2


def attention_rows():
    for kind in ("f32", "bf16"):
        for case in (dict(mask="full"), dict(mask="causal"), dict(mask="window"), dict(mask="window", sequence=8192),
                     dict(mask="causal", softcap=True), dict(mask="documents")):
            for head in (64, 128):
                yield Attention(kind, head=head, **case)


ROWS = [*attention_rows(),
        *(Linear(kind, *shape) for kind in ("f32", "bf16") for shape in ((512, 1536, 576), (2048, 2048, 2048))),
        *(MiniLM(kind, *shape) for kind in ("f32", "bf16") for shape in ((1, 32), (32, 128)))]

# One of each kind, for tests: as small as it goes.
TINY = [Attention("f32", "causal", 32, sequence=48), Linear("f32", 16, 32, 48)]

QUICK = ["f32 full D=64", "f32 causal D=64", "f32 window D=64 S=2048", "f32 causal softcap D=64", "bf16 causal D=64",
         "linear f32 512", "linear bf16 512", "minilm f32"]


def is_quick(row):
    return any(words in row.name for words in QUICK)
