//===- Passes.td - Every pass: its flag, what it does, what it declines ----===//
//
// Flag attn-fuse-mask-softmax is passes/FuseMaskSoftmax.cpp is tests/passes/fuse-mask-softmax.mlir.
//
//===----------------------------------------------------------------------===//
#ifndef HEED_PASSES_PASSES_TD
#define HEED_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// model -> model
//===----------------------------------------------------------------------===//

def StoreProbabilities : Pass<"attn-store-probabilities", "::mlir::ModuleOp"> {
  let summary = "the model gives the attention probabilities of one layer, and nothing else";
  let description = [{
    What follows the layer's softmax is dropped. A model of tokens becomes one of plain tensors, for one sequence from its
    beginning: `tokens: i32[token]` in, `probabilities: f32[heads, q, kv]` out. Refuses a layer that is not there, and a
    model of two pipelines.
  }];
  let options = [Option<"layer", "layer", "int64_t", "0", "number of the attention, in the order in which they run">];
}

//===----------------------------------------------------------------------===//
// model -> fused
//===----------------------------------------------------------------------===//

def FuseMaskSoftmax : Pass<"attn-fuse-mask-softmax"> {
  let summary = "attn.mask and the attn.softmax after it become attn.masked_softmax";
  let description = [{ Declines when the masked scores have another user: they would be made all the same. }];
}

def FuseAttention : Pass<"attn-fuse-attention"> {
  let summary = "scores, score rules, softmax and combine become one attn.attention; scores are never stored";
  let description = [{
    Declines when scores or probabilities have another user, when a mask stands apart from its softmax, or when the
    parts disagree on rows or keys.
  }];
}

def FormLinears : Pass<"attn-form-linears"> {
  let summary = "every attn.linear becomes an attn.fused_linear with nothing before or after it";
  let description = [{ Not a fusion: the passes that follow and code generation meet one kind of linear. }];
}

def MergeLinears : Pass<"attn-merge-linears"> {
  let summary = "linears of the same input (q, k and v; gate and up) become one with several weights";
  let description = [{ Declines a linear whose weight is made after the first linear of its input. }];
}

def FusePrologue : Pass<"attn-fuse-prologue"> {
  let summary = "a norm that feeds only linears moves into them";
  let description = [{ Declines when something else reads the normalised rows. }];
}

def FuseEpilogue : Pass<"attn-fuse-epilogue"> {
  let summary = "what follows a linear on the same rows moves into it";
  let description = [{
    Bias, activation, scale, gate (mul), residual (add), split_heads, rope and cache_append. merge_heads stays outside:
    it is a view. Declines when the value has another user, or when another operand is made too late.
  }];
}

//===----------------------------------------------------------------------===//
// fused -> scheduled
//===----------------------------------------------------------------------===//

def Schedule : Pass<"attn-schedule", "::mlir::ModuleOp"> {
  let summary = "tile sizes and atoms for every attention and linear";
  let description = [{
    Reads the module's `attn.target` and chooses by the small model of passes/TileCosts.h. A schedule file overrides ops
    by name (passes/ScheduleFile.h); an entry for no op, of another kind or with sizes that cannot be is an error.
  }];
  let options = [
    Option<"file", "schedule-file", "std::string", "\"\"", "schedules by op name, over those of the cost model">,
    Option<"numerics", "numerics", "std::string", "\"f32\"", "f32, bf16 to allow products of bf16, or bf16x6: linears of f32 as products of bf16, where that is faster">];
}

def StoreBf16 : Pass<"attn-store-bf16", "::mlir::ModuleOp"> {
  let summary = "weights of f32 that are only multiplied lie in bf16";
  let description = [{
    For `numerics = bf16`: an atom of bf16 rounds them anyway; so they are rounded once, and half as many bytes are read. Declines
    for a weight that is also read as it is (a table of tokens), and for one of an odd depth.
  }];
}

def TileBounds : Pass<"attn-tile-bounds", "::mlir::ModuleOp"> {
  let summary = "which keys a tile of queries visits, from the mask alone";
  let description = [{
    Sets `tile_bounds` on every attention: ranges of keys where all pairs are allowed (no mask code runs there) and where
    some are, affine in the tile's origin, the lengths and the mask's symbols. Conditions on per-token tables that every pair must meet
    are left to the kernel (ir/TableConditions.h). Says in a remark when a range is wider than the mask
    needs (symbols that are looked up per token, strides, a mask too large to analyse).
  }];
}

def RowCoverage : Pass<"attn-row-coverage", "::mlir::ModuleOp"> {
  let summary = "says which queries see no key";
  let description = [{ Changes nothing: its remarks say, for all lengths, which rows of each attention yield zeros. }];
}

def CacheCapacity : Pass<"attn-cache-capacity", "::mlir::ModuleOp"> {
  let summary = "says how many past keys a later query can see";
  let description = [{ Changes nothing: its remarks say what a cache of each attention must keep: a ring, pinned keys, or all. }];
}

def MaskCost : Pass<"attn-mask-cost", "::mlir::ModuleOp"> {
  let summary = "says how many pairs a mask allows and how many are visited";
  let description = [{
    Changes nothing: its remarks give the closed formula of allowed pairs, the visited pairs over it, and how evenly
    2 to 64 threads share them, for the lengths that the types know and `length` for the others.
  }];
  let options = [Option<"length", "length", "int64_t", "2048", "of the axes of open size">];
}

def PlanBuffers : Pass<"attn-plan-buffers", "::mlir::ModuleOp"> {
  let summary = "every tensor gets its place in the arena";
  let description = [{
    Linear scan over each function, best fit within a class (a product of dynamic axes); see docs/architecture.md,
    "Buffers". Refuses functions with branches and functions that call themselves.
  }];
}

#endif
