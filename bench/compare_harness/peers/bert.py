"""all-MiniLM-L6-v2 for the peers: its weights, and the same graph for ONNX Runtime and OpenVINO."""
import json

import numpy

LAYERS, MODEL, HEADS, EPS = 6, 384, 12, 1e-12


def load(path):
    """{name: float32 array} of a safetensors file."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        about, data = json.loads(file.read(size)), file.read()
    return {name: numpy.frombuffer(data[slice(*entry["data_offsets"])], numpy.float32).reshape(entry["shape"])
            for name, entry in about.items() if name != "__metadata__" and entry["dtype"] == "F32"}


class Graph:
    """Nodes and constants of an ONNX graph in the making."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, value):
        from onnx import numpy_helper
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        from onnx import helper
        self.count += 1
        names = [f"t{self.count}.{i}" for i in range(outputs)]
        inputs = [self.constant(i) if isinstance(i, numpy.ndarray) else i for i in inputs]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def save(self, path, inputs, output, opset):
        """inputs: {name: (ONNX element type, shape)}; output: a name, float32 of any shape."""
        import onnx
        from onnx import TensorProto, helper
        values = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
        out = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "row", values, [out], self.constants)
        model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset),
                                                                      helper.make_opsetid("com.microsoft", 1)])
        onnx.save(model, path)


def pooled(g, x):
    mean = g.op("ReduceMean", x, numpy.array([1]), keepdims=0)
    return g.op("Div", mean, g.op("ReduceL2", mean, numpy.array([1]), keepdims=1))


def plain(weights, batch, length, path):
    """With operators of ONNX only."""
    from onnx import TensorProto
    g, w = Graph(), weights

    def linear(x, weight, bias):
        return g.op("Add", g.op("MatMul", x, weight.T), bias)

    def norm(x, name):
        return g.op("LayerNormalization", x, w[name + ".weight"], w[name + ".bias"], axis=-1, epsilon=EPS)
    rest = w["embeddings.position_embeddings.weight"][:length] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(g.op("Add", g.op("Gather", w["embeddings.word_embeddings.weight"], "ids"), rest), "embeddings.LayerNorm")
    heads, joined = numpy.array([batch, length, HEADS, MODEL // HEADS]), numpy.array([batch, length, MODEL])
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."

        def projection(name, order):
            y = linear(x, w[f"{at}attention.self.{name}.weight"], w[f"{at}attention.self.{name}.bias"])
            return g.op("Transpose", g.op("Reshape", y, heads), perm=order)
        q, k, v = projection("query", [0, 2, 1, 3]), projection("key", [0, 2, 3, 1]), projection("value", [0, 2, 1, 3])
        scores = g.op("Mul", g.op("MatMul", q, k), numpy.array((MODEL // HEADS) ** -0.5, numpy.float32))
        a = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
        a = g.op("Reshape", g.op("Transpose", a, perm=[0, 2, 1, 3]), joined)
        a = linear(a, w[at + "attention.output.dense.weight"], w[at + "attention.output.dense.bias"])
        x = norm(g.op("Add", x, a), at + "attention.output.LayerNorm")
        h = g.op("Gelu", linear(x, w[at + "intermediate.dense.weight"], w[at + "intermediate.dense.bias"]))
        h = linear(h, w[at + "output.dense.weight"], w[at + "output.dense.bias"])
        x = norm(g.op("Add", x, h), at + "output.LayerNorm")
    g.save(path, {"ids": (TensorProto.INT64, [batch, length])}, pooled(g, x), 20)


def fused(weights, batch, length, path):
    """With ONNX Runtime's own operators for transformers."""
    from onnx import TensorProto
    g, w, own = Graph(), weights, dict(domain="com.microsoft")
    table = "embeddings.{}_embeddings.weight".format
    types = numpy.zeros((batch, length), numpy.int32)
    x, _ = g.op("EmbedLayerNormalization", "ids", types, w[table("word")], w[table("position")], w[table("token_type")],
                w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"], outputs=2, epsilon=EPS, **own)
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."

        def joined(part):
            return numpy.concatenate([w[f"{at}attention.self.{which}.{part}"] for which in ("query", "key", "value")])
        a = g.op("Attention", x, joined("weight").T, joined("bias"), num_heads=HEADS, **own)
        a = g.op("MatMul", a, w[at + "attention.output.dense.weight"].T)
        norm = at + "attention.output.LayerNorm"
        x = g.op("SkipLayerNormalization", a, x, w[norm + ".weight"], w[norm + ".bias"], w[at + "attention.output.dense.bias"],
                 epsilon=EPS, **own)
        h = g.op("MatMul", x, w[at + "intermediate.dense.weight"].T)
        h = g.op("BiasGelu", h, w[at + "intermediate.dense.bias"], **own)
        h = g.op("MatMul", h, w[at + "output.dense.weight"].T)
        norm = at + "output.LayerNorm"
        x = g.op("SkipLayerNormalization", h, x, w[norm + ".weight"], w[norm + ".bias"], w[at + "output.dense.bias"],
                 epsilon=EPS, **own)
    g.save(path, {"ids": (TensorProto.INT32, [batch, length])}, pooled(g, x), 20)
