//===- IntegerTiles.h - Rows in digits times quantised weights ------------===//
#pragma once

#include "codegen/Emit.h"

namespace heed {

/// Whether the schedule multiplies integers: rows of x are then digits
/// (RowDigits.h) in the place of f32, and all weights are of block formats.
bool multipliesDigits(attn::LinearScheduleAttr schedule);

/// Bytes of scratch for panels of `depth` k at a time.
int64_t integerTilesScratch(attn::LinearScheduleAttr schedule, int64_t depth);

/// Adds to `into` of a tile_matmul of two rows and more what k0..k1 give to
/// `count` panels from `panel` on, in integers; passes are `depth` deep.
void addIntegerProducts(Emit &e, attn::TileMatmulOp op, attn::TargetAttr target,
                        int64_t depth, mlir::Value panel, mlir::Value k0,
                        mlir::Value k1, int64_t count);

} // namespace heed
