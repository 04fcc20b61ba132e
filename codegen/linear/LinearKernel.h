//===- LinearKernel.h - A fused linear in tiles ---------------------------===//
#pragma once

#include "codegen/Kernel.h"

namespace heed {

/// Fills the kernel of an attn.fused_linear: this thread's work items, each a
/// block of rows by a block of panels.
void emitLinearKernel(Emit &e, Kernel &kernel, attn::FusedLinearOp op);

/// Fills the kernel of any other op on rows: this thread's rows through the op.
void emitRowKernel(Emit &e, Kernel &kernel, mlir::Operation *op);

} // namespace heed
