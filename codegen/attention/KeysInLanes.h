//===- KeysInLanes.h - Tile ops for a handful of rows ---------------------===//
//
// With one query a head (decode) most lanes of a vector of rows would be idle.
// A tile op marked `attn.keys_in_lanes` keeps its tile the other way round: qt
// and o are [R, head, up to whole vectors], s is [R, keys], and R is any
// number. Its lanes are keys in the scores and the softmax, features in the
// second product. The meaning is the same.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/TileLowering.h"

namespace heed::attn {

inline constexpr llvm::StringLiteral kKeysInLanes = "attn.keys_in_lanes";

void lowerKeysInLanes(TileLoadQueriesOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TilePositionsOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileStartOp op, mlir::OpBuilder &b);
mlir::LogicalResult lowerKeysInLanes(TileScoresOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileSoftmaxOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileCombineOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileStoreOp op, mlir::OpBuilder &b);

} // namespace heed::attn
