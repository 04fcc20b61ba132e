//===- Activation.h - attn.activation on a vector -------------------------===//
#pragma once

#include "codegen/Emit.h"

namespace heed {

/// The activation of each lane.
mlir::Value vectorActivation(Emit &e, attn::ActivationKind kind, mlir::Value x);

} // namespace heed
