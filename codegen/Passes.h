//===- Passes.h - From scheduled attn to LLVM -----------------------------===//
#pragma once

#include "codegen/Emit.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Pass/Pass.h"

namespace heed {
#define GEN_PASS_DECL
#include "codegen/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "codegen/Passes.h.inc"
} // namespace heed
