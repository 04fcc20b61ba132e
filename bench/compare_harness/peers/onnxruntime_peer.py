"""ONNX Runtime: every attention operator it has on a CPU, MatMul, MiniLM plain and with its fused operators."""
import functools

import numpy
import onnxruntime
from onnx import TensorProto

import bert
import masks
from worker import NotExpressible, Way

FLOAT = TensorProto.FLOAT


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def bound(path, threads, feeds):
    """run(): a call whose inputs and output are bound, so that nothing is copied by Python."""
    made = session(path, threads)
    binding = made.io_binding()
    for name, value in feeds.items():
        binding.bind_cpu_input(name, value)
    binding.bind_output(made.get_outputs()[0].name)

    def run():
        made.run_with_iobinding(binding)
        return feeds  # bound, and not held by the binding

    def result():
        run()
        return binding.copy_outputs_to_cpu()[0]
    return run, result


def joined(x):
    """[batch, heads, sequence, head] -> [batch, sequence, heads * head], as the operators of com.microsoft take it."""
    return numpy.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(x.shape[0], x.shape[2], -1)


def split(x, row):
    return x.reshape(row["batch"], row["sequence"], row["heads"], row["head"]).transpose(0, 2, 1, 3)


def standard(row, folder, threads):
    """ONNX's Attention, opset 23."""
    g, feeds, seconds = bert.Graph(), dict(zip("qkv", masks.inputs(row, folder))), None
    names = list("qkv")
    if row["mask"] in ("window", "documents"):
        feeds["mask"], seconds = masks.additive(row)
        names.append("mask")
    out = g.op("Attention", *names, is_causal=int(row["mask"] == "causal"), softcap=float(row["softcap"]))
    g.save(folder + "/standard.onnx", {name: (FLOAT, feeds[name].shape) for name in names}, out, 23)
    return Way("Attention", *bound(folder + "/standard.onnx", threads, feeds), seconds)


def multi_head(row, folder, threads):
    if row["softcap"]:
        raise ValueError("MultiHeadAttention has no softcap")
    g, feeds, seconds = bert.Graph(), dict(zip("qkv", map(joined, masks.inputs(row, folder)))), None
    names = list("qkv")
    if row["mask"] in ("window", "documents"):
        feeds["mask"], seconds = masks.additive(row)
        names += ["", "", "mask"]
    out = g.op("MultiHeadAttention", *names, num_heads=row["heads"], unidirectional=int(row["mask"] == "causal"),
               domain="com.microsoft")
    g.save(folder + "/multi_head.onnx", {name: (FLOAT, value.shape) for name, value in feeds.items()}, out, 20)
    run, result = bound(folder + "/multi_head.onnx", threads, feeds)
    return Way("MultiHeadAttention", run, lambda: split(result(), row), seconds)


def grouped(row, folder, threads):
    if row["mask"] not in ("causal", "window"):
        raise ValueError("GroupQueryAttention is causal")
    g, feeds = bert.Graph(), dict(zip("qkv", map(joined, masks.inputs(row, folder))))
    shapes = {name: (FLOAT, value.shape) for name, value in feeds.items()}
    n = row["sequence"]
    lengths, total = numpy.full(row["batch"], n - 1, numpy.int32), numpy.array(n, numpy.int32)
    out, _, _ = g.op("GroupQueryAttention", "q", "k", "v", "", "", lengths, total, outputs=3, num_heads=row["heads"],
                     kv_num_heads=row["heads"], softcap=float(row["softcap"]),
                     local_window_size=row["window"] if row["mask"] == "window" else -1, domain="com.microsoft")
    g.save(folder + "/grouped.onnx", shapes, out, 20)
    run, result = bound(folder + "/grouped.onnx", threads, feeds)
    return Way("GroupQueryAttention", run, lambda: split(result(), row))


def linear(row, folder, threads):
    x, g = numpy.load(folder + "/x.npy"), bert.Graph()
    out = g.op("MatMul", "x", numpy.load(folder + "/w.npy").T)
    g.save(folder + "/linear.onnx", {"x": (FLOAT, x.shape)}, out, 20)
    return Way("MatMul", *bound(folder + "/linear.onnx", threads, {"x": x}))


def minilm(row, folder, threads, build, kind):
    ids, path = numpy.load(folder + "/ids.npy"), f"{folder}/{build.__name__}.onnx"
    build(bert.load(row["weights"]), *ids.shape, path)
    return Way(build.__name__, *bound(path, threads, {"ids": ids.astype(kind)}))


def ways(row, folder, threads):
    if row["type"] == "bf16":
        raise NotExpressible("no bf16 kernels on a CPU")
    if row["kind"] == "Attention":
        return [functools.partial(way, row, folder, threads) for way in (standard, multi_head, grouped)]
    if row["kind"] == "Linear":
        return [lambda: linear(row, folder, threads)]
    if row["kind"] == "MiniLM":
        return [lambda: minilm(row, folder, threads, bert.plain, numpy.int64),
                lambda: minilm(row, folder, threads, bert.fused, numpy.int32)]
    return []
