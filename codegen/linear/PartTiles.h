//===- PartTiles.h - f32 products out of products of shorter numbers ------===//
//
// A float x is h + m + l, each of bf16: h is x rounded, m what is left rounded,
// l the rest (exact where no part is below 2^-126, which becomes zero). Of the
// products of two such sums those of 2^-16 and more of the whole are added;
// the others are within one rounding of f32. Infinities, and numbers that bf16
// rounds to infinity (from 3.39e38 on), have no rest: they become NaN.
//
// Weights of f16 are multiplied as they are (amx_f16): a row of x times a power
// of two that takes its largest below 2^15 is rounded to one f16, or is the sum
// of two: 11 or 22 bits, and 2^-40 of the row's largest at least. Its sums are
// divided by the same power.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/Emit.h"

namespace heed {

/// Whether the schedule multiplies parts: rows of x are then parts in the place
/// of f32. An odd depth has no last pair.
bool multipliesParts(attn::LinearScheduleAttr schedule, int64_t in);

/// Bytes of the packed rows of a block, in parts.
int64_t rowsOfPartsBytes(attn::LinearScheduleAttr schedule, int64_t stride);

/// Makes the first `count` elements of the packed rows of a block parts: for
/// each 32 elements the first part, then the second, in their place. Behind all
/// rows of the block lies the third, or, of f16, what a row's sums are to be
/// multiplied with.
void rowsToParts(Emit &e, attn::LinearScheduleAttr schedule, int64_t stride,
                 mlir::Value rows, mlir::Value count);

/// Bytes of scratch for panels of `depth` k at a time.
int64_t partTilesScratch(attn::LinearScheduleAttr schedule, int64_t depth);

/// Adds to `into` of a tile_matmul of two rows and more what k0..k1 give to
/// `count` panels from `panel` on; passes are `depth` deep.
void addPartProducts(Emit &e, attn::TileMatmulOp op, attn::TargetAttr target,
                     int64_t depth, mlir::Value panel, mlir::Value k0,
                     mlir::Value k1, int64_t count);

/// Multiplies the sums of a tile_matmul by that, where x was f16.
void unscaleSums(Emit &e, attn::TileMatmulOp op);

} // namespace heed
