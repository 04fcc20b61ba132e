//===- ModelCost.h - What one call of a model computes --------------------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/model/ModelInfo.h"

namespace heed {

/// Fills info.cost of a model of plain tensors: two floating-point operations
/// for each multiply-add of its linears and attentions, as products of axis
/// sizes. Left empty, and then no figure is shown, where a mask leaves out
/// pairs: only what is needed may count. info.axes must be known.
void addCost(ModelInfo &info, mlir::ModuleOp scheduled);

} // namespace heed
