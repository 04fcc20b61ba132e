//===- ScoreAxes.h - What the axes of stored scores are elsewhere ---------===//
#pragma once

#include "ir/Attn.h"

namespace heed {

/// Stored scores of plain tensors have axes `q` and `kv`; the tensors that they
/// come from may call these axes otherwise
/// (`token`), and only those names have sizes at run time. Maps `q` and `kv` to
/// them, where they differ.
llvm::DenseMap<mlir::StringAttr, mlir::StringAttr>
scoreAxes(mlir::ModuleOp module);

} // namespace heed
