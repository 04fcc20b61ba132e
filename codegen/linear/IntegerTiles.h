//===- IntegerTiles.h - Rows in digits times quantised weights ------------===//
#pragma once

#include "codegen/Emit.h"

namespace heed {

/// Whether the schedule multiplies integers: rows of x are then digits
/// (RowDigits.h) in the place of f32, and all weights are of block formats.
bool multipliesDigits(attn::LinearScheduleAttr schedule);

/// Bytes of scratch for panels of `depth` k at a time.
int64_t integerTilesScratch(attn::LinearScheduleAttr schedule, int64_t depth);

/// Emits the products of a tile_matmul of two rows and more in integers,
/// `depth` of k at a time.
void emitIntegerTiles(Emit &e, attn::TileMatmulOp op, attn::TargetAttr target,
                      int64_t depth);

} // namespace heed
