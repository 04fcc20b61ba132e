//===- AttnOps.td - Ops of the attn dialect -------------------*- tablegen -*-===//
#ifndef HEED_IR_ATTNOPS_TD
#define HEED_IR_ATTNOPS_TD

include "ir/AttnBase.td"
include "ir/AttnTypes.td"
include "ir/AttnAttrs.td"
include "ir/AttnInterfaces.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// The ladder of op classes
//===----------------------------------------------------------------------===//

class Attn_Op<string mnem, list<Trait> traits = []> : Op<Attn_Dialect, mnem, traits>;

/// A pure op; `flow` is how it moves data along the sequence.
class Attn_PureOp<string mnem, string flow, list<Trait> traits = []>
    : Attn_Op<mnem, traits # [Pure, Attn_SequenceFlowOpInterface]> {
  code flowCode = "  ::heed::attn::SequenceFlow getSequenceFlow() { return ::heed::attn::SequenceFlow::" # flow # "; }\n";
  let extraClassDeclaration = flowCode;
}
/// Works on each row alone.
class Attn_RowOp<string mnem, list<Trait> traits = []> : Attn_PureOp<mnem, "None", traits>;

/// One tensor in, one of the same type out.
class Attn_UnaryOp<string mnem, list<Trait> traits = []> : Attn_RowOp<mnem, traits # [AllTypesMatch<["x", "result"]>]> {
  let results = (outs AnyRankedTensor:$result);
}
/// Two tensors of one type in, one out, elementwise.
class Attn_BinaryOp<string mnem> : Attn_RowOp<mnem, [Commutative, AllTypesMatch<["lhs", "rhs", "result"]>]> {
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Attn_DeclareOp : Attn_Op<"declare", [Symbol]> {
  let summary = "declares a weight: where it is read from and how";
  let description = [{
    `attn.declare @blk.0.attn_q : !attn.weight<[576, 576], q4_1> from "blk.0.attn_q.weight" {transforms = [...]}`.
    The type is that after the transforms. A weight used both by a linear and by a row gather (tied embeddings) is
    declared once. Its packed layout is the one layout of the design: panels of 16 outputs, k interleaved by
    4 / element bytes.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Attn_WeightType>:$type, StrAttr:$source,
                       OptionalAttr<ArrayAttr>:$transforms);
  let assemblyFormat = "$sym_name `:` $type `from` $source attr-dict";
}

def Attn_HandleOp : Attn_Op<"handle", [Pure]> {
  let summary = "the handle of a declared weight";
  let description = [{ C1: the symbol names an `attn.declare` of this type. }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs Attn_WeightType:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

def Attn_EmbedOp : Attn_RowOp<"embed"> {
  let summary = "rows of a table, one for each id";
  let description = [{
    [token] of i32 and a weight [vocab, model] give [token, model]. An id outside the table is refused by the runtime.
    C1: the result has the axes of ids and one more; C2: its size is the weight's second.
  }];
  let arguments = (ins AnyRankedTensor:$ids, Attn_WeightType:$table);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` type($ids) `,` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def Attn_PositionEmbedOp : Attn_RowOp<"position_embed"> {
  let summary = "adds the learned vector of each row's position";
  let description = [{
    result[t] = x[t] + table[position(t) + offset]. Positions come from `rows`, or without it are the index along
    `axis` of x. C1: the table's second size is x's last. C2: `rows` or `axis` is given.
  }];
  let arguments = (ins AnyRankedTensor:$x, Attn_WeightType:$table, Optional<Attn_RaggedType>:$rows,
                       DefaultValuedAttr<I64Attr, "0">:$offset, OptionalAttr<StrAttr>:$axis);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x `,` $table (`rows` `(` $rows^ `:` type($rows) `)`)? attr-dict `:` type($x) `,` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def Attn_LinearOp : Attn_RowOp<"linear"> {
  let summary = "y = x W^T";
  let description = [{
    Contracts the last axis of x with the weight's `in`; W is [out, in].
    C1: x's last size is the weight's second. C2: the result has x's axes but the last, whose size is the weight's first.
  }];
  let arguments = (ins AnyRankedTensor:$x, Attn_WeightType:$weight);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x `,` $weight attr-dict `:` type($x) `,` type($weight) `->` type($result)";
  let hasVerifier = 1;
}

def Attn_BiasOp : Attn_UnaryOp<"bias"> {
  let summary = "adds a vector to each row (over the last axis)";
  let description = [{ C1: the weight is [n] with n the last size. }];
  let arguments = (ins AnyRankedTensor:$x, Attn_WeightType:$weight);
  let assemblyFormat = "$x `,` $weight attr-dict `:` type($x) `,` type($weight)";
  let hasVerifier = 1;
}

def Attn_NormOp : Attn_UnaryOp<"norm", [AttrSizedOperandSegments]> {
  let summary = "RMSNorm or LayerNorm over the last axis";
  let description = [{
    rms: x / sqrt(mean(x^2) + eps) * w (Zhang and Sennrich 2019); layer: (x - mean) / sqrt(var + eps) * w + b (Ba et
    al. 2016). `unit_offset`: the weight is w + 1 (Gemma). Statistics in f32.
    C1: weight and bias are [n] with n the last size. C2: rms takes no bias.
  }];
  let arguments = (ins AnyRankedTensor:$x, Optional<Attn_WeightType>:$weight, Optional<Attn_WeightType>:$bias,
                       Attn_NormKindAttr:$kind, F64Attr:$eps, UnitAttr:$unit_offset);
  let assemblyFormat = [{ $kind $x (`weight` `(` $weight^ `:` type($weight) `)`)? (`bias` `(` $bias^ `:` type($bias) `)`)?
    attr-dict `:` type($x) }];
  let hasVerifier = 1;
}

def Attn_ActivationOp : Attn_UnaryOp<"activation"> {
  let summary = "an elementwise activation";
  let description = [{ gelu is exact (erf), gelu_tanh its tanh approximation (Hendrycks and Gimpel 2016); silu(x) = x sigmoid(x);
    quick_gelu(x) = x sigmoid(1.702 x). }];
  let arguments = (ins AnyRankedTensor:$x, Attn_ActivationKindAttr:$kind);
  let assemblyFormat = "$kind $x attr-dict `:` type($x)";
}

def Attn_AddOp : Attn_BinaryOp<"add"> { let summary = "elementwise sum (residuals)"; }
def Attn_MulOp : Attn_BinaryOp<"mul"> { let summary = "elementwise product (gates)"; }

def Attn_ScaleOp : Attn_UnaryOp<"scale"> {
  let summary = "times a constant";
  let arguments = (ins AnyRankedTensor:$x, F64Attr:$factor);
  let assemblyFormat = "$x `by` $factor attr-dict `:` type($x)";
}

def Attn_SplitHeadsOp : Attn_RowOp<"split_heads"> {
  let summary = "[.., heads*head] seen as [.., heads, head]";
  let description = [{ The two new axes are named in the result's type (`heads` or `kv_heads`, and `head`). C1: sizes multiply. }];
  let arguments = (ins AnyRankedTensor:$x);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}
def Attn_MergeHeadsOp : Attn_RowOp<"merge_heads"> {
  let summary = "heads and head concatenated: [.., heads, head] or [batch, heads, q, head] as [.., heads*head]";
  let description = [{
    The axes `heads` and `head` leave, one of their product comes last; the other axes keep their order.
    C1: sizes multiply.
  }];
  let arguments = (ins AnyRankedTensor:$x);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

def Attn_RopeOp : Attn_UnaryOp<"rope"> {
  let summary = "rotary position embedding";
  let description = [{
    Turns pairs of each head by position * theta^(-2i/dims) * scale (Su et al. 2021). `pairs`: halves turns (i, i+dims/2), adjacent
    (2i, 2i+1). `dims`: how many leading elements of a head turn. `factors`: per-pair frequency multipliers made by the
    frontend from a scaling rule (linear, llama3, yarn), empty for none; `attention_factor` multiplies cos and sin.
    Positions come from `rows`, or are the index along `axis`. C1: dims is even and at most the last size.
    C2: `rows` or `axis` is given. C3: factors is empty or has dims/2 elements.
  }];
  let arguments = (ins AnyRankedTensor:$x, Optional<Attn_RaggedType>:$rows, F64Attr:$theta, Attn_RopePairsAttr:$pairs, I64Attr:$dims,
                       OptionalAttr<StrAttr>:$axis, OptionalAttr<DenseF64ArrayAttr>:$factors,
                       DefaultValuedAttr<F64Attr, "1.0">:$attention_factor);
  let assemblyFormat = "$pairs $x (`rows` `(` $rows^ `:` type($rows) `)`)? attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def Attn_SliceOp : Attn_RowOp<"slice"> {
  let summary = "elements lo..hi of the last axis";
  let arguments = (ins AnyRankedTensor:$x, I64Attr:$lo, I64Attr:$hi);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x `[` $lo `to` $hi `]` attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}
def Attn_ConcatOp : Attn_RowOp<"concat"> {
  let summary = "tensors joined along their last axis";
  let arguments = (ins Variadic<AnyRankedTensor>:$parts);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$parts attr-dict `:` type($parts) `->` type($result)";
  let hasVerifier = 1;
}

def Attn_TakeRowsOp : Attn_PureOp<"take_rows", "Select"> {
  let summary = "the rows that are wanted";
  let description = [{ result[i] = x[rows[i]]: [token, model] and [output] of i32 give [output, model]. }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$rows);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x `,` $rows attr-dict `:` type($x) `,` type($rows) `->` type($result)";
  let hasVerifier = 1;
}

def Attn_PoolOp : Attn_PureOp<"pool", "Sequence"> {
  let summary = "one row for each sequence: the mean, the first or the last of its rows";
  let arguments = (ins AnyRankedTensor:$x, Attn_RaggedType:$rows, Attn_PoolKindAttr:$kind);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$kind $x `rows` `(` $rows `:` type($rows) `)` attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}
def Attn_L2NormalizeOp : Attn_UnaryOp<"l2_normalize"> {
  let summary = "x / max(|x|, eps) over the last axis";
  let arguments = (ins AnyRankedTensor:$x, DefaultValuedAttr<F64Attr, "1e-12">:$eps);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

//===----------------------------------------------------------------------===//
// Attention, unfused
//===----------------------------------------------------------------------===//

def Attn_CacheAppendOp : Attn_Op<"cache_append", [AllTypesMatch<["cache", "result"]>, Attn_SequenceFlowOpInterface, Pure]> {
  let summary = "a cache with the keys and values of these rows stored at their positions";
  let description = [{
    k and v are [token, kv_heads, head]. C1: sizes agree with the cache's type. C2: the cache operand has no other use
    (linear).
  }];
  let arguments = (ins Attn_CacheType:$cache, AnyRankedTensor:$k, AnyRankedTensor:$v, Attn_RaggedType:$rows);
  let results = (outs Attn_CacheType:$result);
  let assemblyFormat = "$cache `,` $k `,` $v `rows` `(` $rows `:` type($rows) `)` attr-dict `:` type($cache) `,` type($k) `,` type($v)";
  let extraClassDeclaration = [{ ::heed::attn::SequenceFlow getSequenceFlow() { return ::heed::attn::SequenceFlow::None; } }];
  let hasVerifier = 1;
}

def Attn_KeySource : AnyTypeOf<[AnyRankedTensor, Attn_CacheType], "keys or values: a tensor or a cache">;

def Attn_ScoresOp : Attn_RowOp<"scores", [AttrSizedOperandSegments]> {
  let summary = "scale * Q K^T";
  let description = [{
    q holds axes `head`, optionally `heads`, its sequence axis `q_axis`, and batch axes. k is a tensor with `head`,
    optionally `heads` or `kv_heads`, `kv_axis` and the same batch axes, or a cache. Head h of q meets head
    h / (heads / kv_heads) of k. The result's axes are the batch axes, `heads` (if q has it), `q`, `kv`; for ragged q
    the axis `q` is q_axis itself and kv runs to the longest sequence: elements past a row's own sequence do not exist.
    C1: head sizes agree. C2: kv heads divide heads. C3: a ragged q_axis comes with q_rows; a ragged kv_axis with
    kv_rows. C4: batch axes agree.
  }];
  let arguments = (ins AnyRankedTensor:$q, Attn_KeySource:$k, Optional<Attn_RaggedType>:$q_rows, Optional<Attn_RaggedType>:$kv_rows,
                       F64Attr:$scale, StrAttr:$q_axis, StrAttr:$kv_axis);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{ $q `,` $k (`q_rows` `(` $q_rows^ `:` type($q_rows) `)`)? (`kv_rows` `(` $kv_rows^ `:` type($kv_rows) `)`)?
    attr-dict `:` type($q) `,` type($k) `->` type($result) }];
  let hasVerifier = 1;
}

def Attn_ScoreMapOp : Attn_UnaryOp<"score_map", [SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects]> {
  let summary = "rewrites each score by a rule";
  let description = [{
    The region takes (score: f32, q: index, kv: index, h: index, b: index), absolute positions, and yields the new score.
    It holds arith and math ops and `attn.lookup`. C1: x is not masked already: mask and score are always composed in
    the order that cannot revive a masked score.
  }];
  let arguments = (ins AnyRankedTensor:$x, Optional<Attn_RaggedType>:$rows);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$x (`rows` `(` $rows^ `:` type($rows) `)`)? $body attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def Attn_LookupOp : Attn_RowOp<"lookup"> {
  let summary = "one element of a small table, in a score rule";
  let description = [{ `attn.lookup %slope[%h] : !attn.weight<[heads], f32>`: as many indices as the table has sizes. }];
  let arguments = (ins Attn_WeightType:$table, Variadic<Index>:$indices);
  let results = (outs F32:$result);
  let assemblyFormat = "$table `[` $indices `]` attr-dict `:` type($table)";
  let hasVerifier = 1;
}

def Attn_MaskOp : Attn_UnaryOp<"mask", [AttrSizedOperandSegments]> {
  let summary = "forbids the pairs outside a symbolic set";
  let description = [{
    A forbidden pair has weight exactly 0 after the softmax; no constant is added to a score. q and kv are absolute
    positions: from `rows`, else indices along the axes. `tables` are the integer tensors that the mask's symbols
    name, in the order of `table_names`. C1: x has axes `kv` and `q` (or the ragged axis of rows). C2: every table
    named by a symbol is given.
  }];
  let arguments = (ins AnyRankedTensor:$x, Optional<Attn_RaggedType>:$rows, Variadic<AnyRankedTensor>:$tables, Attn_MaskAttr:$mask,
                       OptionalAttr<StrArrayAttr>:$table_names);
  let assemblyFormat = [{ $x (`rows` `(` $rows^ `:` type($rows) `)`)? (`tables` `(` $tables^ `:` type($tables) `)`)? `where` $mask
    attr-dict `:` type($x) }];
  let hasVerifier = 1;
}

def Attn_SoftmaxOp : Attn_UnaryOp<"softmax"> {
  let summary = "softmax over one axis, maximum subtracted, statistics in f32";
  let description = [{
    sinks: a weight [heads] of logits that join the denominator only. A row that allows nothing gives zeros.
    C1: x has `axis`. C2: the axis is `kv`: a softmax of scores over any other axis mixes queries and is refused.
  }];
  let arguments = (ins AnyRankedTensor:$x, Optional<Attn_WeightType>:$sinks, StrAttr:$axis);
  let assemblyFormat = "$x (`sinks` `(` $sinks^ `:` type($sinks) `)`)? `over` $axis attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def Attn_CombineOp : Attn_PureOp<"combine", "Masked", [AttrSizedOperandSegments]> {
  let summary = "P V: the values, weighted";
  let description = [{
    p has axes (batch.., heads, q, kv) as `attn.scores` makes them; v is as k there. The result has the axes of the q
    that made the scores. C1: sizes agree.
  }];
  let arguments = (ins AnyRankedTensor:$p, Attn_KeySource:$v, Optional<Attn_RaggedType>:$q_rows, Optional<Attn_RaggedType>:$kv_rows, StrAttr:$kv_axis);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{ $p `,` $v (`q_rows` `(` $q_rows^ `:` type($q_rows) `)`)? (`kv_rows` `(` $kv_rows^ `:` type($kv_rows) `)`)?
    attr-dict `:` type($p) `,` type($v) `->` type($result) }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Fused
//===----------------------------------------------------------------------===//

def Attn_MaskedSoftmaxOp : Attn_UnaryOp<"masked_softmax", [AttrSizedOperandSegments]> {
  let summary = "mask and softmax in one pass";
  let description = [{ What `attn.mask` then `attn.softmax` mean; formed by attn-fuse-mask-softmax. }];
  let arguments = (ins AnyRankedTensor:$x, Optional<Attn_RaggedType>:$rows, Optional<Attn_WeightType>:$sinks,
                       Variadic<AnyRankedTensor>:$tables, Attn_MaskAttr:$mask, OptionalAttr<StrArrayAttr>:$table_names, StrAttr:$axis);
  let assemblyFormat = [{ $x (`rows` `(` $rows^ `:` type($rows) `)`)? (`sinks` `(` $sinks^ `:` type($sinks) `)`)?
    (`tables` `(` $tables^ `:` type($tables) `)`)? `mask` $mask `over` $axis attr-dict `:` type($x) }];
  let hasVerifier = 1;
}

def Attn_AttentionOp : Attn_PureOp<"attention", "Masked", [AttrSizedOperandSegments, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "softmax(map(scale Q K^T) where mask) V with an online softmax; scores are never stored";
  let description = [{
    Operands as in scores and combine. The region is the score rule as in `attn.score_map` (empty: none). For a key
    block with scores S (Milakov and Gimelshein 2018; Dao et al. 2022):
    m' = max(m, max S); l = l exp(m - m') + sum exp(S - m'); O = O exp(m - m') + exp(S - m') V; at the end O / l, zeros
    where l = 0. The result has q's axes and type.
  }];
  let arguments = (ins AnyRankedTensor:$q, Attn_KeySource:$k, Attn_KeySource:$v, Optional<Attn_RaggedType>:$q_rows,
                       Optional<Attn_RaggedType>:$kv_rows, Optional<Attn_WeightType>:$sinks, Variadic<AnyRankedTensor>:$tables,
                       F64Attr:$scale, StrAttr:$q_axis, StrAttr:$kv_axis, Attn_MaskAttr:$mask, OptionalAttr<StrArrayAttr>:$table_names,
                       OptionalAttr<Attn_TileBoundsAttr>:$tile_bounds, OptionalAttr<Attn_AttentionScheduleAttr>:$schedule);
  let results = (outs AnyRankedTensor:$result);
  let regions = (region MaxSizedRegion<1>:$score);
  let assemblyFormat = [{ $q `,` $k `,` $v (`q_rows` `(` $q_rows^ `:` type($q_rows) `)`)?
    (`kv_rows` `(` $kv_rows^ `:` type($kv_rows) `)`)? (`sinks` `(` $sinks^ `:` type($sinks) `)`)?
    (`tables` `(` $tables^ `:` type($tables) `)`)? `mask` $mask (`score` $score^)?
    attr-dict `:` type($q) `,` type($k) `,` type($v) `->` type($result) }];
  let hasVerifier = 1;
}

def Attn_FusedLinearOp : Attn_Op<"fused_linear", [Attn_SequenceFlowOpInterface, RecursiveMemoryEffects]> {
  let summary = "linears of one input, with what comes before and after them";
  let description = [{
    x goes through the prologue (norm), then y_j = prologue(x) W_j^T for each weight, then the epilogue (bias,
    activation, gate, rope, residual, cache append, splitting of heads) makes the results from all y_j. The regions
    hold the same ops that stood there unfused, and may use values from outside. Each row is computed on its own.
    C1: the prologue takes x and yields a tensor of x's type. C2: the epilogue takes one tensor a weight, [x's axes but
    the last, out_j], and yields the results. C3: only ops that work on rows stand in the regions.
  }];
  let arguments = (ins AnyRankedTensor:$x, Variadic<Attn_WeightType>:$weights, OptionalAttr<Attn_LinearScheduleAttr>:$schedule);
  let results = (outs Variadic<AnyTypeOf<[AnyRankedTensor, Attn_CacheType]>>:$results);
  let regions = (region SizedRegion<1>:$prologue, SizedRegion<1>:$epilogue);
  let assemblyFormat = [{ $x `,` `[` $weights `]` `prologue` $prologue `epilogue` $epilogue attr-dict
    `:` type($x) `,` `[` type($weights) `]` `->` type($results) }];
  let extraClassDeclaration = [{ ::heed::attn::SequenceFlow getSequenceFlow() { return ::heed::attn::SequenceFlow::None; } }];
  let hasVerifier = 1;
}

def Attn_YieldOp : Attn_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["ScoreMapOp", "AttentionOp", "FusedLinearOp", "TileRowsOp", "TileEpilogueOp", "TileScoresOp"]>]> {
  let summary = "the results of a region";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

//===----------------------------------------------------------------------===//
// Memory and tiles
//===----------------------------------------------------------------------===//

include "ir/AttnMemoryOps.td"
include "ir/AttnLinearTileOps.td"
include "ir/AttnTileOps.td"

#endif
