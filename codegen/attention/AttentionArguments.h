//===- AttentionArguments.h - What an attention kernel is called with -----===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// What one argument of the kernel is. All memrefs are 1-D, offset 0, stride 1.
enum class AttentionArgKind {
  Query, // memref of the tensor's elements, f32 or bf16: the whole tensor,
         // dense, row-major in the order of its axes
  Key,   // likewise; for tensor keys
  Value, // likewise
  Out,   // likewise, with the axes of q
  Cache, // memref<?xf32>: the pool, in place of Key and Value
  LayerOffset, // index, elements: K of slot s starts at s * slot_stride +
               // layer_offset, row-major [kv_heads, capacity, head];
  SlotStride,  // index, elements    V follows it
  Capacity,    // index, positions of a cache slot
  AxisSize,    // index: the size of the dynamic axis `name`
  QueryStarts, // memref<?xi64> [sequences + 1]: the first row of each sequence
  QueryPast, // memref<?xi64> [sequences]: the position of each sequence's first
             // row
  KeyStarts, // memref<?xi64> [sequences + 1], of the keys' rows
  KeyPast,   // memref<?xi64> [sequences], of the keys' rows: a sequence's keys
             // are past + its rows. Cache only
  KeySlots,  // memref<?xi64> [sequences]: the slot of each sequence. Cache only
  Sinks,     // memref<?xf32> [heads]
  MaskTable, // memref<?xi32>: the tensor `value`, dense
  MaskSymbol,    // index: the named integer `name` of the mask
  LookupTable,   // memref<?xf32>: the table `value` of attn.lookup, row-major
  Scratch,       // memref<?xi8>: attentionScratchBytes() bytes of this thread,
                 // 64-byte aligned
  ScratchStride, // index, bytes: the scratch of thread t lies (t - thread)
                 // strides from this thread's
  Thread,        // index: this thread, from 0
  Threads,       // index: how many threads call the kernel
};

struct AttentionArg {
  AttentionArgKind kind;
  mlir::Type type;
  mlir::Value value; // the op's operand (or table) that it comes from, where
                     // there is one
  mlir::StringAttr name; // of an axis or a symbol
};

/// The arguments of the kernel of `op`, in order. Ragged rows: for keys without
/// kv_rows (a cache) they are q_rows again.
llvm::SmallVector<AttentionArg> attentionArguments(AttentionOp op);

} // namespace heed::attn
