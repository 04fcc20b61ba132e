//===- Import.h - A model file becomes stage 1 ----------------------------===//
#pragma once

#include "frontend/Diagnostics.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace heed {

/// Reads a model file and emits stage 1 of the attn IR, as docs/architecture.md
/// describes it: every op at its line of the file, nothing fused. Loads the
/// dialects that it needs. Null when the file has an error; `diags` then holds
/// all of them.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context,
                                              llvm::StringRef path,
                                              Diagnostics &diags);

/// The names of all steps of the language.
std::vector<std::string> stepNames();

} // namespace heed
