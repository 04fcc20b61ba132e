//===- AttentionKernel.h - The kernel of one attention, in tiled form -----===//
//
// A work item is one query tile of one kv head (of one head, where the mask or
// the score rule depends on h) of one segment (batch element or sequence).
// Items are dealt to threads in contiguous runs of equal work, by the number of
// keys that each visits; an item is computed by one thread in an order that
// does not depend on the others. An item of few rows (decode) is dealt in spans
// of its keys (KeySpans.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/AttentionArguments.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace heed::attn {

/// Private functions with the arguments of attentionArguments(op).
struct AttentionKernels {
  /// This thread's share of the attention, as loops over tiles.
  mlir::func::FuncOp compute;
  /// Joins the spans that several threads computed; called once all have
  /// returned from `compute`. Null where no item is cut into spans.
  mlir::func::FuncOp join;
};

/// Creates the functions `name` and `name`_join. Null, with an error on the op,
/// where it has no kernel.
AttentionKernels emitAttentionKernels(mlir::OpBuilder &moduleBuilder,
                                      AttentionOp op, TargetAttr target,
                                      llvm::StringRef name);

/// The scratch that the kernel needs, for each thread.
int64_t attentionScratchBytes(AttentionOp op, TargetAttr target);

} // namespace heed::attn
