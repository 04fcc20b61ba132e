//===- ModelCost.h - What one call of a model computes --------------------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/model/ModelInfo.h"

namespace heed {

/// Fills info.cacheBytesPerPosition: keys and values of the attentions whose
/// masks see every earlier position. Windows and other bounded masks count
/// nothing.
void addCacheReads(ModelInfo &info, mlir::ModuleOp scheduled);

/// Fills info.cost of a model of plain tensors: two floating-point operations
/// for each multiply-add of its linears and attentions, as products of axis
/// sizes. Only allowed pairs count: all, a causal mask, a causal window (of at
/// least as many queries). Left empty, and then no figure is shown, for any
/// other mask. info.axes must be known.
void addCost(ModelInfo &info, mlir::ModuleOp scheduled);

} // namespace heed
