//===- Passes.h - attn -> attn: every pass, by its flag -------------------===//
#pragma once

#include "ir/Attn.h"

#include "mlir/Pass/Pass.h"

namespace heed {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace heed
