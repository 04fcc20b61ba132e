//===- Target.h - The machines that heed knows ----------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed {

/// The machine at hand: by its feature bits, never by its name.
attn::TargetAttr hostTarget(mlir::MLIRContext *context);

/// A target by name ("host", "x86-64-v3", "x86-64-v4", "znver5",
/// "graniterapids"); null when it is unknown.
attn::TargetAttr namedTarget(mlir::MLIRContext *context, llvm::StringRef name);
llvm::SmallVector<llvm::StringRef> targetNames();

} // namespace heed
