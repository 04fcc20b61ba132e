//===- TileAmx.h - The two products of attention on AMX -------------------===//
//
// As with dpbf16 the rows of a query tile are the columns of both products, in
// pairs: B is queries by pairs of features, then weights by pairs of keys. A is
// packed keys as they lie, then packed values turned. Two by two tiles at a
// time.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/TileLowering.h"

namespace heed::attn {

/// The name of its atom.
inline constexpr llvm::StringLiteral kAmx = "amx_bf16";

/// Scores of all keys of the op, to whole tiles of keys, into its s: before the
/// scale, the rule and the mask.
void amxScores(TileScoresOp op, const TileCode &c);

/// o = alpha o + the weighted values.
void amxCombine(TileCombineOp op, const TileCode &c);

/// vp[d, j] = v[from + j, d], zeros from count on up to a whole tile of keys.
void amxPackValues(TilePackValuesOp op, const TileCode &c);

} // namespace heed::attn
