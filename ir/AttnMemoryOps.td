//===- AttnMemoryOps.td - Values of a model, bound to memory --*- tablegen -*-===//
//
// From the tiled stage on, kernels take memrefs. These ops bind them to the types of the model stage, so that a tile op
// can hold the ops of the model (a norm, an activation) in its regions and be verified like them.
//
//===----------------------------------------------------------------------===//
#ifndef HEED_IR_ATTNMEMORYOPS_TD
#define HEED_IR_ATTNMEMORYOPS_TD

def Attn_FromMemoryOp : Attn_RowOp<"from_memory"> {
  let summary = "a tensor that lies dense and row-major in memory";
  let description = [{ `sizes` are the sizes of the tensor's dynamic axes, in order. }];
  let arguments = (ins MemRefRankOf<[AnyType], [1]>:$memory, Variadic<Index>:$sizes);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$memory (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($memory) `->` type($result)";
}

def Attn_WeightAtOp : Attn_RowOp<"weight_at"> {
  let summary = "the packed weight at a byte offset";
  let arguments = (ins MemRefRankOf<[I8], [1]>:$weights, Index:$offset);
  let results = (outs Attn_WeightType:$result);
  let assemblyFormat = "$weights `[` $offset `]` attr-dict `:` type($weights) `->` type($result)";
}

def Attn_RowsAtOp : Attn_RowOp<"rows_at"> {
  let summary = "ragged rows bound to their arrays";
  let description = [{
    positions and sequences: i32, one a row. starts: i64 [sequences + 1], the first row of each sequence. past: i64
    [sequences], the position of its first row. slots: i64 [sequences], its cache slot.
  }];
  let arguments = (ins MemRefRankOf<[I32], [1]>:$positions, MemRefRankOf<[I32], [1]>:$sequences, MemRefRankOf<[I64], [1]>:$starts,
                       MemRefRankOf<[I64], [1]>:$past, MemRefRankOf<[I64], [1]>:$slots);
  let results = (outs Attn_RaggedType:$result);
  let assemblyFormat = "$positions `,` $sequences `,` $starts `,` $past `,` $slots attr-dict `:` type($positions) `,` type($sequences) `,` type($starts) `,` type($past) `,` type($slots) `->` type($result)";
}

def Attn_CacheAtOp : Attn_RowOp<"cache_at"> {
  let summary = "a layer's cache bound to the pool";
  let description = [{
    Element (slot, K, kv head g, position j, d) lies at slot * slot_stride + layer + (g * capacity + j) * head + d; V
    kv_heads * capacity * head further on.
  }];
  let arguments = (ins MemRefRankOf<[AnyType], [1]>:$pool, Index:$layer, Index:$slot_stride, Index:$capacity);
  let results = (outs Attn_CacheType:$result);
  let assemblyFormat = "$pool `[` $layer `,` $slot_stride `,` $capacity `]` attr-dict `:` type($pool) `->` type($result)";
}

#endif
