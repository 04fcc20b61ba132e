//===- KeyTiles.h - Key tiles that a mask needs, found when it runs -------===//
//
// Strides and two-dimensional blocks need keys that are no range. Within the
// ranges of the tile loops the kernel asks ir/TileTest.h of each tile, before
// anything of it is loaded, and visits the runs of tiles that may be needed. A
// run begins with the first key that may be needed.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"

#include "mlir/IR/Builders.h"

namespace heed::attn {

class KeyTiles {
public:
  KeyTiles(AttentionOp op, mlir::OpBuilder &b) : op(op), b(b) {}

  /// False when every tile of `keys` keys would be visited.
  bool any(int64_t keys);

  /// Keys of a tile: at least so many.
  struct Size {
    mlir::Value keys;
    int64_t least;
  };
  /// Calls body once, in a loop over the runs of tiles of keys within
  /// [from, to) that the queries q0 <= q < q1 may need. Runs begin at from plus
  /// a multiple of `step`, a power of two. `symbols` are the mask's.
  void
  overRuns(mlir::Value q0, mlir::Value q1, mlir::ValueRange symbols,
           mlir::Value from, mlir::Value to, Size size, int64_t step,
           llvm::function_ref<void(mlir::Value from, mlir::Value to)> body);

private:
  AttentionOp op;
  mlir::OpBuilder &b;
};

} // namespace heed::attn
