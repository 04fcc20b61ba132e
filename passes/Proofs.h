//===- Proofs.h - Passes that prove something of the model stage ----------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace heed {

#define GEN_PASS_DECL
#include "passes/Proofs.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Proofs.h.inc"

} // namespace heed
