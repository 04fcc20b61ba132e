"""IREE, compiled for this CPU: its attention operator and a matmul."""
import functools
import math

import iree.compiler
import iree.runtime
import numpy

import masks
from worker import NotExpressible, Way

ATTENTION = """
func.func @main(%q: {t}, %k: {t}, %v: {t}{mask_argument}) -> {t} {{
  %scale = arith.constant {scale} : f32
  %empty = tensor.empty() : {t}
  %out = iree_linalg_ext.attention <indexing_maps = [
      affine_map<(b, m, n, d, k) -> (b, m, d)>, affine_map<(b, m, n, d, k) -> (b, k, d)>,
      affine_map<(b, m, n, d, k) -> (b, k, n)>, affine_map<(b, m, n, d, k) -> ()>,{mask_map}
      affine_map<(b, m, n, d, k) -> (b, m, n)>]>
      ins(%q, %k, %v, %scale{mask_name} : {t}, {t}, {t}, f32{mask_type}) outs(%empty : {t}) {{
    ^bb0(%score: f32):{rule}
      iree_linalg_ext.yield %score{capped} : f32
  }} -> {t}
  return %out : {t}
}}
"""
CAP = """
      %cap = arith.constant {cap} : f32
      %less = arith.divf %score, %cap : f32
      %turned = math.tanh %less : f32
      %score_capped = arith.mulf %turned, %cap : f32"""
LINEAR = """
func.func @main(%x: tensor<{m}x{k}xf32>, %w: tensor<{n}x{k}xf32>) -> tensor<{m}x{n}xf32> {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<{m}x{n}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %out = linalg.generic {{
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%x, %w : tensor<{m}x{k}xf32>, tensor<{n}x{k}xf32>) outs(%init : tensor<{m}x{n}xf32>) {{
    ^bb0(%a: f32, %b: f32, %c: f32):
      %product = arith.mulf %a, %b : f32
      %sum = arith.addf %c, %product : f32
      linalg.yield %sum : f32
  }} -> tensor<{m}x{n}xf32>
  return %out : tensor<{m}x{n}xf32>
}}
"""


def function(text, arguments):
    """run() and result() of @main, on the device without threads of its own."""
    flatbuffer = iree.compiler.compile_str(text, target_backends=["llvm-cpu"],
                                           extra_args=["--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3"])
    config = iree.runtime.Config("local-sync")
    module = iree.runtime.load_vm_module(iree.runtime.VmModule.copy_buffer(config.vm_instance, flatbuffer), config)
    held = [iree.runtime.asdevicearray(config.device, argument) for argument in arguments]
    return lambda: module.main(*held), lambda: numpy.array(module.main(*held).to_host())


def attention(row, folder):
    shape = (row["batch"] * row["heads"], row["sequence"], row["head"])
    arguments, seconds = [x.reshape(shape) for x in masks.inputs(row, folder)], None
    words = dict(mask_argument="", mask_map="", mask_name="", mask_type="", rule="", capped="")
    if row["mask"] != "full":
        mask, seconds = masks.additive(row)
        arguments.append(mask[0, 0])
        kind = f"tensor<{row['sequence']}x{row['sequence']}xf32>"
        words.update(mask_argument=f", %mask: {kind}", mask_map=" affine_map<(b, m, n, d, k) -> (m, k)>,", mask_name=", %mask",
                     mask_type=f", {kind}")
    if row["softcap"]:
        # The region sees scores times log2(e).
        words.update(rule=CAP.format(cap=row["softcap"] * math.log2(math.e)), capped="_capped")
    text = ATTENTION.format(t="tensor<" + "x".join(map(str, shape)) + "xf32>", scale=row["head"] ** -0.5, **words)
    return Way("attention", *function(text, arguments), seconds)


def linear(row, folder):
    text = LINEAR.format(m=row["m"], n=row["n"], k=row["k"])
    return Way("matmul", *function(text, [numpy.load(folder + "/x.npy"), numpy.load(folder + "/w.npy")]))


def ways(row, folder, threads):
    if threads > 1 or row["kind"] not in ("Attention", "Linear"):
        return []
    if row["type"] == "bf16":
        raise NotExpressible("left out: bf16")
    return [functools.partial({"Attention": attention, "Linear": linear}[row["kind"]], row, folder)]
