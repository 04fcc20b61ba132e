//===- TileMatmul.h - attn.tile_matmul in registers -----------------------===//
#pragma once

#include "codegen/Emit.h"
#include "mlir/IR/PatternMatch.h"

namespace heed {

/// Rows of x as tile_rows packs them: the stride in elements.
int64_t packedRowStride(int64_t in);

/// Rows of a schedule's register tiles: of all but the last, and of those that
/// take the last few rows of a block, where they fit.
struct TileHeights {
  explicit TileHeights(attn::LinearScheduleAttr schedule);
  int64_t whole, few;
  /// The rows that are computed for `count`.
  mlir::Value padded(Emit &e, mlir::Value count) const;
  /// Calls body(row, height) for the tiles of `count` padded rows.
  void forEach(Emit &e, mlir::Value count,
               llvm::function_ref<void(mlir::Value, int64_t)> body) const;
};

/// Whether the schedule multiplies pairs of bf16: an odd depth has no last pair
/// and is multiplied in f32. Two rows and more are then bf16, in the place of
/// f32.
bool multipliesPairs(attn::LinearScheduleAttr schedule, int64_t in);
/// Makes the first `count` elements of packed rows bf16, in their place.
void rowsToPairs(Emit &e, mlir::Value rows, mlir::Value count);
/// Writes behind a packed row that comes alone what linears of these weights
/// want to know of it (RowDigits.h): as many bytes as the row takes.
void aloneToDigits(Emit &e, mlir::Value row,
                   llvm::ArrayRef<attn::WeightType> weights,
                   attn::TargetAttr target);

/// Bytes of scratch that a tile_matmul of this weight and schedule needs.
int64_t tileMatmulScratch(attn::WeightType weight,
                          attn::LinearScheduleAttr schedule);

/// Replaces the op by loops over register tiles.
void lowerTileMatmul(mlir::IRRewriter &rewriter, attn::TileMatmulOp op,
                     attn::TargetAttr target);

} // namespace heed
