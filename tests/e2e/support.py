"""What the end-to-end tests share: heed as a user calls it, and .npy files without numpy."""
import array
import ast
import os
import pathlib
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HEED_BUILD", SOURCE / "build"))
HEED = BUILD / "tools" / "heed"
ORACLE = BUILD / "tests" / "oracle" / "heed-oracle"
CACHE = pathlib.Path(os.environ.get("HEED_CACHE") or "~/.cache/heed").expanduser()

TYPES = {"<f4": "f", "<i8": "q", "<i4": "i"}

FLAGS = pathlib.Path("/proc/cpuinfo").read_text()
AMX = {"amx_bf16", "amx_fp16"} <= set(FLAGS.split())
# What code for a target needs beside AMX.
NEEDS = {"x86-64-v3": set(), "x86-64-v4": {"avx512vl"}, "znver5": {"avx512_bf16", "avx512_vnni"}, "graniterapids": {"avx512_bf16", "avx512_vnni"}}


class Tensor:
    """Values in row-major order, and their shape."""

    def __init__(self, shape, values):
        self.shape, self.values = tuple(shape), values

    def row(self, *index):
        """The values of the innermost axis at an index of all the others."""
        at = 0
        for i, size in zip(index, self.shape):
            at = at * size + i
        width = self.shape[-1]
        return self.values[at * width:(at + 1) * width]


def read_npy(path):
    with open(path, "rb") as file:
        assert file.read(6) == b"\x93NUMPY", path
        major = file.read(2)[0]
        (length,) = struct.unpack("<H", file.read(2)) if major == 1 else struct.unpack("<I", file.read(4))
        header = ast.literal_eval(file.read(length).decode())
        assert not header["fortran_order"], path
        values = array.array(TYPES[header["descr"]])
        values.frombytes(file.read())
    return Tensor(header["shape"], values)


def write_npy(path, shape, values, kind):
    """kind: "f" for float32, "q" for int64."""
    descr = {"f": "<f4", "q": "<i8"}[kind]
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        array.array(kind, values).tofile(file)


def write_ids(path, rows):
    """Rows of token ids, all of one length, as int64 [rows, n]."""
    write_npy(path, (len(rows), len(rows[0])), [token for row in rows for token in row], "q")


def argmax(values):
    return max(range(len(values)), key=values.__getitem__)


def run(*command, check=True, stdin=b"", limit_file=None, stdout=subprocess.PIPE, timeout=300, cwd=None, env=None):
    """Runs to the end; `env` is added to the environment; limit_file is the largest file, in bytes, that the program may write."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_file, limit_file))
    done = subprocess.run([str(word) for word in command], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          timeout=timeout, cwd=cwd, env={**os.environ, **(env or {})}, preexec_fn=limit if limit_file is not None else None)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}\nexited with {done.returncode}:\n{done.stderr.decode(errors='replace')}")
    return done


def for_target(name):
    """Flags that compile for a target so that it runs here: with AVX-512 emulated where this CPU has none."""
    return [f"--target={name}"] + ["--emulate"] * (not NEEDS[name] <= set(FLAGS.split()))


def for_bf16():
    """Flags for arithmetic of bf16: of this CPU, or of another, emulated, where it has none."""
    return ["--numerics=bf16"] + for_target("znver5") * ("avx512_bf16" not in FLAGS)


def with_amx(program):
    """How to run a program for AMX here: itself, or a copy that asks for no AMX, with the emulator before it."""
    if AMX:
        return program, None
    asked = b"amx-tile,amx-bf16,amx-int8,amx-fp16"
    code = program.read_bytes()
    assert code.count(asked) == 1
    copy = program.with_name(program.name + "-emulated")
    copy.write_bytes(code.replace(asked, b"," * len(asked)))
    copy.chmod(0o755)
    return copy, {"LD_PRELOAD": str(BUILD / "tests/amx/libheed_amx.so")}


def peak_bytes(*command):
    """The most memory that a run had resident."""
    # A child begins with the peak of the process that made it, so a small one stands between.
    between = ("import os, resource, sys\n"
               "if not (child := os.fork()):\n"
               "    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)\n"
               "    os.execv(sys.argv[1], sys.argv[1:])\n"
               "status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
               "sys.exit(status)")
    return 1024 * int(run(sys.executable, "-I", "-S", "-c", between, *command).stdout)


class Model:
    """A model file of plain tensors, read as far as a test needs: its inputs' axes and sizes."""

    def __init__(self, path):
        self.path = path
        text = path.read_text()
        self.dims = dict(re.findall(r"(\w+): (\w+)", re.search(r"^dims: \{(.*)\}", text, re.M)[1]))
        section = re.search(r"^inputs:\n((?:  .*\n)+)", text, re.M)[1]
        found = re.findall(r"^  (\w+): (f32|bf16)\[(.*)\]", section, re.M)
        self.inputs = {name: axes.split(", ") for name, _, axes in found}
        self.short = {name for name, element, _ in found if element == "bf16"}
        section = re.search(r"^outputs:\n((?:  .*\n?)+)", text, re.M)[1]
        self.outputs = re.findall(r"^  (\w+):", section, re.M)

    def write_inputs(self, folder, sizes, seed=1):
        """Random inputs; returns {name: file}. sizes: those of the axes that are `any`."""
        draw, files = random.Random(seed), {}
        for name, axes in self.inputs.items():
            shape = [sizes[axis] if self.dims[axis] == "any" else int(self.dims[axis]) for axis in axes]
            count = 1
            for size in shape:
                count *= size
            files[name] = folder / f"{name}.npy"
            values = [draw.gauss(0, 1) for _ in range(count)]
            if name in self.short:  # numbers of bf16, for the program and the oracle alike
                values = [struct.unpack("<f", b"\0\0" + struct.pack("<f", value)[2:])[0] for value in values]
            write_npy(files[name], shape, values, "f")
        return files


def words(flag, files):
    """{name: file} as the words of a command."""
    return [word for name, file in files.items() for word in (flag, f"{name}={file}")]


def small_decoder(name, mask, vocabulary, context, more=""):
    """The model file of a decoder of three layers with grouped heads and random weights; `more` are further lines."""
    return f"""model: {name}
weights: random(1)
context: {context}
dims: {{vocab: {vocabulary}, model: 32, heads: 4, kv_heads: 2, head: 8, layers: 3}}
{more}blocks:
  layer:
    - residual:
        - rms_norm: {{weight: "{{i}}.norm", eps: 1e-5}}
        - attention:
            q: [{{linear: "{{i}}.q", heads: heads}}, {{rope: {{theta: 10000, pairs: halves}}}}]
            k: [{{linear: "{{i}}.k", heads: kv_heads}}, {{rope: {{theta: 10000, pairs: halves}}}}]
            v: [{{linear: "{{i}}.v", heads: kv_heads}}]
            mask: {mask}
            out: [{{linear: "{{i}}.o", out: model}}]
decoder:
  - embed: embed
  - repeat: {{block: layer, times: layers}}
  - logits: embed
"""


def plain_attentions(masks, heads, head, query="token", key="token", more="", element="f32"):
    """The model file of attentions over q [heads, query, head] and k, v of as many heads: an output for each mask, out, out1, ...;
    `more` are further lines."""
    axes = ", ".join(f"{axis}: any" for axis in dict.fromkeys((query, key)))
    outputs = "".join(f"""  out{number or ''}:
    - attention: {{q: q, k: k, v: v, mask: "{mask}"}}
""" for number, mask in enumerate(masks))
    return f"""model: tensors
dims: {{heads: {heads}, {axes}, head: {head}}}
{more}inputs:
  q: {element}[heads, {query}, head]
  k: {element}[heads, {key}, head]
  v: {element}[heads, {key}, head]
outputs:
{outputs}"""


class EndToEnd(unittest.TestCase):
    """A test with a folder of its own."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="heed-e2e-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = pathlib.Path(scratch.name)

    @classmethod
    def build(cls, model, *flags, name=None):
        """The executable of a model file under the source folder, or of a path."""
        out = cls.folder / (name or pathlib.Path(model).stem + "".join(flags).replace("/", "_"))
        if not out.exists():
            run(HEED, "build", SOURCE / model, "-o", out, *flags)
        return out

    def assertEqualsOracle(self, path, program, sizes, tolerance, env=None):
        """A program of the model of plain tensors at `path`, against the oracle: `tolerance` of the largest output, or of 1."""
        model = Model(path)
        meaning = self.folder / (path.stem + ".mlir")
        if not meaning.exists():
            meaning.write_bytes(run(HEED, "ir", path, "--stage=model").stdout)
        for seed, size in enumerate(sizes):
            # Where a model has two open axes, they differ.
            lengths = {name: size + 9 * i for i, name in enumerate(n for n, s in model.dims.items() if s == "any")}
            inputs = model.write_inputs(self.folder, lengths, seed)
            found = {name: self.folder / f"found-{name}.npy" for name in model.outputs}
            expected = {name: self.folder / f"expected-{name}.npy" for name in model.outputs}
            run(program, "run", *words("--in", inputs), *words("--out", found), env=env)
            run(ORACLE, meaning, *words("--inputs", inputs), *words("--outputs", expected))
            for name in model.outputs:
                right = read_npy(expected[name])
                most = max(1.0, *map(abs, right.values))
                self.assertClose(read_npy(found[name]), right, tolerance * most, f"{program.name}: {name} at {lengths}")

    def assertClose(self, found, expected, tolerance, what=""):
        self.assertEqual(found.shape, expected.shape, what)
        worst = max(map(lambda a, b: abs(a - b), found.values, expected.values), default=0)
        # A NaN is close to nothing.
        self.assertTrue(worst <= tolerance and all(value == value for value in found.values),
                        f"{what}: differs by {worst:.3g}, at most {tolerance:.3g} is allowed")


def greedy_rows(logits, row, first, last):
    """The tokens that greedy decoding picks at positions first..last-1 of a row of logits [batch, n, vocab]."""
    return [argmax(logits.row(row, position)) for position in range(first, last)]
