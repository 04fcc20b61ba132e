//===- PlainKernels.h - Unfused attention in plain loops ------------------===//
#pragma once

#include "codegen/Kernel.h"

namespace heed {

/// Fills the kernel of an unfused attention op (scores, score_map, mask,
/// softmax, masked_softmax, combine) or of a pool: scalar loops over stored
/// scores, for models built with fusions switched off. A score that does not
/// exist or that a mask forbids is stored as minus infinity; the softmax gives
/// it weight exactly 0.
void emitPlainKernel(Emit &e, Kernel &kernel, mlir::Operation *op);

} // namespace heed
