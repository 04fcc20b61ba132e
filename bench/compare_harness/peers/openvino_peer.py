"""OpenVINO on its CPU plugin: its attention operator, the same from plain operators, MatMul, MiniLM."""
import functools

import numpy
import openvino
from openvino import opset13 as ops

import bert
import masks
from worker import Way

CORE = openvino.Core()


def compiled(model, row, threads, feeds):
    """run() and result() of a model; float32 in and out, the arithmetic in the row's type."""
    # Where the machine has bf16, OpenVINO would take it for f32 models too.
    settings = {"INFERENCE_PRECISION_HINT": row["type"], "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
    request = CORE.compile_model(model, "CPU", settings).create_infer_request()
    # Views: they hold no reference to the arrays.
    for i, value in enumerate(feeds):
        request.set_input_tensor(i, openvino.Tensor(value, shared_memory=True))

    def run():
        request.infer()
        return feeds

    def result():
        run()
        return numpy.array(request.get_output_tensor().data)
    return run, result


def attention(row, folder, threads, whole):
    feeds, seconds = masks.inputs(row, folder), None
    if row["mask"] in ("window", "documents") or (row["mask"] == "causal" and not whole):
        mask, seconds = masks.additive(row)
        feeds.append(mask)
    if whole and row["softcap"]:
        raise ValueError("scaled_dot_product_attention has no softcap")
    arguments = [ops.parameter(value.shape, numpy.float32) for value in feeds]
    if whole:
        out = ops.scaled_dot_product_attention(*arguments, causal=row["mask"] == "causal")
    else:
        scores = ops.matmul(ops.multiply(arguments[0], numpy.float32(row["head"] ** -0.5)), arguments[1], False, True)
        if row["softcap"]:
            cap = numpy.float32(row["softcap"])
            scores = ops.multiply(ops.tanh(ops.multiply(scores, numpy.float32(1) / cap)), cap)
        scores = ops.add(scores, arguments[3]) if len(feeds) == 4 else scores
        out = ops.matmul(ops.softmax(scores, -1), arguments[2], False, False)
    run, result = compiled(openvino.Model([out], arguments, "row"), row, threads, feeds)
    return Way("SDPA" if whole else "plain", run, result, seconds)


def linear(row, folder, threads):
    x, w = numpy.load(folder + "/x.npy"), numpy.load(folder + "/w.npy")
    argument = ops.parameter(x.shape, numpy.float32)
    out = ops.matmul(argument, ops.constant(w), False, True)
    return Way("MatMul", *compiled(openvino.Model([out], [argument], "row"), row, threads, [x]))


def minilm(row, folder, threads):
    ids, path = numpy.load(folder + "/ids.npy"), folder + "/openvino.onnx"
    bert.plain(bert.load(row["weights"]), *ids.shape, path)
    return Way("plain", *compiled(CORE.read_model(path), row, threads, [ids]))


def ways(row, folder, threads):
    if row["kind"] == "Attention":
        return [functools.partial(attention, row, folder, threads, whole) for whole in (True, False)]
    if row["kind"] == "Linear":
        return [lambda: linear(row, folder, threads)]
    if row["kind"] == "MiniLM":
        return [lambda: minilm(row, folder, threads)]
    return []
