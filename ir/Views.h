//===- Views.h - Ops that move no data ------------------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// True when the op only sees its operand's memory in another shape:
/// split_heads, and a merge_heads that keeps the order in memory ([.., heads,
/// head], not [heads, q, head]).
bool isView(mlir::Operation *op);

/// The value whose memory this value is: through views up to what made it.
mlir::Value viewRoot(mlir::Value value);

} // namespace heed::attn
