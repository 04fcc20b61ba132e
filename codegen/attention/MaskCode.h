//===- MaskCode.h - Masks and key ranges as scalar arithmetic -------------===//
#pragma once

#include "ir/Attn.h"
#include "mlir/IR/Builders.h"

namespace heed::attn {

/// The value of an affine expression over index values.
mlir::Value emitAffine(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::AffineExpr expr, mlir::ValueRange dims,
                       mlir::ValueRange symbols);

/// Whether the set holds: i1.
mlir::Value emitSet(mlir::OpBuilder &b, mlir::Location loc,
                    mlir::IntegerSet set, mlir::ValueRange dims,
                    mlir::ValueRange symbols);

/// Whether the mask allows (q, kv): i1. Constraints that are linear in q
/// compare a multiple of q with the rest, so that in lanes only that multiple
/// is a vector.
mlir::Value emitMask(mlir::OpBuilder &b, mlir::Location loc, MaskAttr mask,
                     mlir::Value q, mlir::Value kv, mlir::ValueRange symbols);

/// The keys [first, second) of a loop for a query tile; symbols as in
/// TileLoopAttr. Empty ranges are 0, 0.
std::pair<mlir::Value, mlir::Value> emitKeyRange(mlir::OpBuilder &b,
                                                 mlir::Location loc,
                                                 TileLoopAttr loop,
                                                 mlir::ValueRange symbols);

} // namespace heed::attn
