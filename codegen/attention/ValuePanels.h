//===- ValuePanels.h - Values of a block in panels of features ------------===//
//
// The second product goes over the keys of a block once for each few features.
// Rows of V are far apart, and a block of them is as large as L1: a narrow
// register tile would wait for L2. So a panel holds these features of all keys,
// one key after the other.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/TileLowering.h"

namespace heed::attn {

/// vp of tile_pack_values of fma_f32: [panels n, width].
struct ValuePanels {
  ValuePanels(const TileCode &c, mlir::Value panels, int64_t head) : c(c) {
    auto type = mlir::cast<mlir::MemRefType>(panels.getType());
    width = type.getDimSize(1);
    keys = type.getDimSize(0) / llvm::divideCeil(head, width);
  }

  /// The row and column of key 0, feature d + f; d is a multiple of `step`.
  std::pair<mlir::Value, mlir::Value> at(mlir::Value d, int64_t f,
                                         int64_t step) const {
    if (step % width) { // a panel may begin at any of them
      mlir::Value feature = c.addIndex(d, f);
      return {c.mulIndex(c.divIndex(feature, width), keys),
              c.remIndex(feature, width)};
    }
    mlir::Value panel = c.addIndex(c.divIndex(d, width), f / width);
    return {c.mulIndex(panel, keys), c.index(f % width)};
  }

  const TileCode &c;
  int64_t width, keys; // features and rows of a panel
};

} // namespace heed::attn
