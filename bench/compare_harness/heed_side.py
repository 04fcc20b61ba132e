"""heed's part: a row's model file and inputs, `heed build`, and figures from `OUT bench`."""
import array
import json
import os
import pathlib
import random
import subprocess

from .arrays import normal, write_npy, write_safetensors
from .rows import DOCUMENTS, SOFTCAP, WINDOW, Attention, Linear, MiniLM

SOURCE = pathlib.Path(__file__).resolve().parents[2]
VOCABULARY = 30522  # MiniLM's


class Refused(Exception):
    """heed does not do this row; the text is its own first line."""


def attention_model(row):
    outer = "".join(f"{axis}, " for axis, size in (("batch", row.batch), ("heads", row.heads)) if size > 1)
    documents = row.mask == "documents"
    # One axis for queries and keys where a document is looked up for both.
    q, kv = ("token", "token") if documents else ("q", "kv")
    mask = {"full": "all", "causal": "kv <= q", "window": f"kv <= q and q - kv < {WINDOW}",
            "documents": "kv <= q and doc[q] == doc[kv]"}[row.mask]
    sizes = {**({"batch": row.batch} if row.batch > 1 else {}), **({"heads": row.heads} if row.heads > 1 else {}),
             q: "any", kv: "any", "head": row.head}
    dims = ", ".join(f"{axis}: {size}" for axis, size in sizes.items())
    score = f', score: "softcap(s, {SOFTCAP})"' if row.softcap else ""
    lines = ["model: row", f"dims: {{{dims}}}", "inputs:", f"  q: {row.type}[{outer}{q}, head]",
             f"  k: {row.type}[{outer}{kv}, head]", f"  v: {row.type}[{outer}{kv}, head]"]
    lines += ["  doc: i32[token]"] if documents else []
    lines += ["outputs:", f'  out: [attention: {{q: q, k: k, v: v, mask: "{mask}"{score}}}]']
    return "\n".join(lines) + "\n"


def linear_model(row):
    return (f"model: row\nweights: w.safetensors\ndims: {{token: any, in: {row.k}}}\ninputs:\n  x: f32[token, in]\n"
            "outputs:\n  out: [x, {linear: w}]\n")


def write_inputs(row, folder):
    """What heed and every peer read; returns {name: file} of heed's inputs."""
    files = {}

    def write(name, shape, values):
        files[name] = folder / f"{name}.npy"
        write_npy(files[name], shape, values)
    if isinstance(row, Attention):
        shape = [size for size in (row.batch, row.heads) if size > 1] + [row.sequence, row.head]
        for seed, name in enumerate("qkv"):
            write(name, shape, normal.take(row.batch * row.heads * row.sequence * row.head, seed))
        if row.mask == "documents":
            length = row.sequence // DOCUMENTS
            write("doc", [row.sequence], array.array("i", (i // length for i in range(row.sequence))))
    elif isinstance(row, Linear):
        write("x", [row.m, row.k], normal.take(row.m * row.k, 0))
        weight = normal.take(row.n * row.k, 1)
        write_safetensors(folder / "w.safetensors", "w", [row.n, row.k], weight)
        write_npy(folder / "w.npy", [row.n, row.k], weight)
    else:
        draw = random.Random(1)
        ids = array.array("q", (draw.randrange(1000, VOCABULARY) for _ in range(row.batch * row.length)))
        write_npy(folder / "ids.npy", [row.batch, row.length], ids)
    return files


class Heed:
    """One row as an executable."""

    def __init__(self, heed, row, folder, cpus):
        self.row, self.folder, self.cpus = row, folder, cpus
        folder.mkdir(parents=True, exist_ok=True)
        self.files = write_inputs(row, folder)
        self.program = folder / "row"
        self.build(heed)

    def build(self, heed):
        if isinstance(self.row, MiniLM):
            self.model = SOURCE / "examples" / "minilm.yaml"
        else:
            self.model = self.folder / "row.yaml"
            self.model.write_text(attention_model(self.row) if isinstance(self.row, Attention) else linear_model(self.row))
        self.numerics = ["--numerics=bf16"] if self.row.type == "bf16" else []
        self.call(heed, "build", self.model, "-o", self.program, *self.numerics)

    def bound(self, heed):
        """{"bound_of_peak": share of the multiply-add peak, "operations": of the row's work} by `heed bench`."""
        words = [word for name, file in self.files.items() for word in ("--in", f"{name}={file}")]
        said = json.loads(self.call(heed, "bench", self.model, "--bound", "--json", *words, *self.numerics))
        if isinstance(self.row, MiniLM):
            said = next(case for case in said["cases"] if case["name"] == self.row.case)
        return {part: said[part] for part in ("bound_of_peak", "operations")}

    def call(self, *command):
        """Runs on the CPUs of this comparison; its standard output."""
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace",
                              preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            said = next((line for line in lines if "error:" in line), (lines or [f"exit code {done.returncode}"])[0])
            raise Refused(said.replace(str(self.folder) + "/", ""))
        return done.stdout

    def result(self):
        """Writes heed's result to expected.npy."""
        if isinstance(self.row, MiniLM):
            where = ["--ids", self.folder / "ids.npy", "--out", f"embedding={self.folder}/expected.npy"]
        else:
            where = [word for name, file in self.files.items() for word in ("--in", f"{name}={file}")]
            where += ["--out", f"out={self.folder}/expected.npy"]
        self.call(self.program, "run", "--threads", len(self.cpus), *where)

    def round(self):
        """(seconds of the row's work, FMA peak in GFLOP/s, bytes beyond the inputs or None)."""
        row = self.row
        sizes = [word for name, file in self.files.items() for word in ("--in", f"{name}={file}")]
        said = json.loads(self.call(self.program, "bench", "--json", "--rounds", 1, "--threads", len(self.cpus), *sizes))
        figures = {figure["name"]: figure["value"] for figure in said["figures"]}
        if isinstance(row, MiniLM):
            seconds = row.work / figures[row.case]
        else:
            seconds = next(value for name, value in figures.items() if name.startswith("a call with")) * 1e-6
        memory = figures.get("memory beyond the inputs")
        return seconds, said["fma_peak_gflops"], None if memory is None else memory * 1e6


def atom_rates(heed, cpus):
    """{atom: GFLOP/s of one thread} of this machine."""
    done = subprocess.run([str(heed), "bench", "--machine", "--json"], capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    return {atom["name"]: atom["gflops"] for atom in json.loads(done.stdout)["atoms"]} if done.returncode == 0 else {}
