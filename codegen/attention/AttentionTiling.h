//===- AttentionTiling.h - Register tiles and scratch of an attention -----===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// The register tiles for query tiles of so many rows.
struct AttentionTile {
  int64_t rows;     // a multiple of lanes, unless keysInLanes
  int64_t keyTile;  // keys of a register tile of the first product
  int64_t headTile; // features of a register tile of the second product
  int64_t
      keys; // keys of a block whose scores stay in L1: a multiple of keyTile
  bool keysInLanes = false; // see KeysInLanes.h
};

/// How an attention is tiled: from the op's schedule, else from the target.
struct AttentionTiling {
  int64_t lanes;
  /// The largest first. A query tile has the rows of the first; a last tile
  /// with fewer rows takes the smallest that fits.
  llvm::SmallVector<AttentionTile> tiles;

  /// Heads that share one kv head and are computed together; 1 where the mask
  /// or the score rule depends on the head.
  int64_t group;

  /// The tile for few rows, whose keys threads share; null where there is none.
  const AttentionTile *fewRows() const {
    return tiles.back().keysInLanes ? &tiles.back() : nullptr;
  }

  static AttentionTiling choose(AttentionOp op, TargetAttr target);
};

/// Where each piece of a thread's scratch lies, in bytes; every piece starts at
/// a multiple of 64.
struct AttentionScratch {
  int64_t queries, out, scores, m, mx, l, alpha, positions, ranges, bytes;
  int64_t total, totalM, totalL, usesTotal; // of LongRows.h
  int64_t spans; // two regions of KeySpans.h, where the tiling has few rows

  AttentionScratch(AttentionOp op, const AttentionTiling &tiling);
};

} // namespace heed::attn
