//===- KeysInLanes.h - Tile ops for a handful of rows ---------------------===//
//
// With one query a head (decode) most lanes of a vector of rows would be idle.
// A tile op marked `attn.keys_in_lanes = R` keeps its tile of R rows, any small
// number, the other way round: o is [R, head, up to whole vectors], s is
// [R, a vector + keys], qt is in the order of RowVectors. Its lanes are keys in
// the scores and the softmax, features in the second product. The meaning is
// the same. K has a vector of keys, or more.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/TileLowering.h"

namespace heed::attn {

inline constexpr llvm::StringLiteral kKeysInLanes = "attn.keys_in_lanes";

/// The order of qt: element r of a vector of rows, feature d, is
/// qt[d floordiv features, r features + d mod features]; `vectors` such vectors
/// lie beside each other.
struct RowVectors {
  RowVectors(int64_t tileRows, int64_t lanes);
  int64_t features, rows, vectors;
  /// The sizes of qt.
  std::array<int64_t, 2> sizes(int64_t head) const {
    return {static_cast<int64_t>(llvm::divideCeil(head, features)),
            vectors * rows * features};
  }
};

void lowerKeysInLanes(TileLoadQueriesOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TilePositionsOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileStartOp op, mlir::OpBuilder &b);
mlir::LogicalResult lowerKeysInLanes(TileScoresOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileSoftmaxOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileCombineOp op, mlir::OpBuilder &b);
void lowerKeysInLanes(TileStoreOp op, mlir::OpBuilder &b);

} // namespace heed::attn
