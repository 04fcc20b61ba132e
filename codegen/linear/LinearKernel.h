//===- LinearKernel.h - A fused linear in tiles ---------------------------===//
#pragma once

#include "codegen/Kernel.h"

namespace heed {

/// Fills the kernel of an attn.fused_linear: this thread's work items, each a
/// block of rows by a block of panels. The function gets one more argument: the
/// byte of the weights' memory where this thread reads on afterwards (an index,
/// a hint).
void emitLinearKernel(Emit &e, Kernel &kernel, attn::FusedLinearOp op);

/// The byte of the weights' memory where a thread begins to read this op, when
/// a row comes alone. `offsetOf` gives the byte at which a weight begins.
mlir::Value firstRead(Emit &e, attn::FusedLinearOp op,
                      llvm::function_ref<mlir::Value(mlir::Value)> offsetOf,
                      const CallContext &context);

/// Fills the kernel of any other op on rows: this thread's rows through the op.
void emitRowKernel(Emit &e, Kernel &kernel, mlir::Operation *op);

} // namespace heed
