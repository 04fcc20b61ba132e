//===- FusedLinear.h - Making and remaking attn.fused_linear --------------===//
#pragma once

#include "ir/Attn.h"

#include "mlir/IR/Builders.h"

namespace heed {

/// A fused linear that multiplies only: its regions yield their arguments.
/// `products` are the types of the results, one for each weight.
attn::FusedLinearOp createPlainLinear(mlir::OpBuilder &builder,
                                      mlir::Location loc, mlir::Value x,
                                      mlir::ValueRange weights,
                                      mlir::TypeRange products);

/// True when the region yields its arguments and does nothing else.
bool isPlain(mlir::Region &region);

} // namespace heed
