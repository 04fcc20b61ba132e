//===- TileMatmul.h - attn.tile_matmul in registers -----------------------===//
#pragma once

#include "ir/Attn.h"
#include "mlir/IR/PatternMatch.h"

namespace heed {

/// Rows of x as tile_rows packs them: the stride in elements.
int64_t packedRowStride(int64_t in);

/// Bytes of scratch that a tile_matmul of this weight and schedule needs.
int64_t tileMatmulScratch(attn::WeightType weight, attn::LinearScheduleAttr schedule);

/// Replaces the op by loops over register tiles.
void lowerTileMatmul(mlir::IRRewriter &rewriter, attn::TileMatmulOp op, attn::TargetAttr target);

} // namespace heed
