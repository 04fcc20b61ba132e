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

  /// What multiplies: "fma_f32", or an atom of bf16. Keys and values that do
  /// not lie in memory as the atom reads them (f32, or pairs of bf16) are
  /// packed a block at a time, for all strips of a query tile: a strip has the
  /// rows of the largest tile.
  llvm::StringRef atom;
  int64_t strips = 1;
  int64_t keys;  // of a block
  int64_t depth; // features of packed keys and queries: the head, or more
  int64_t step;  // keys of one issue of the second product
  bool inPairs() const { return atom != "fma_f32"; }
  bool isPacked() const { return strips > 1; }
  /// Tensors of f32 by an atom of bf16: blocks of rows that see few keys are
  /// computed in f32 (FewKeys.h).
  bool fewKeysInF32 = false;
  bool onTiles() const { return atom.starts_with("amx"); }
  /// The shape of a block's values as the atom reads them (tile_pack_values).
  llvm::SmallVector<int64_t> packedValues(int64_t head) const;
  /// The tiles that keep rows in lanes, and those for few rows.
  llvm::ArrayRef<AttentionTile> rowTiles() const;
  llvm::ArrayRef<AttentionTile> fewTiles() const {
    return llvm::ArrayRef(tiles).drop_front(rowTiles().size());
  }
  /// Rows of a query tile.
  int64_t rows() const { return tiles.front().rows * strips; }

  /// Heads that share one kv head and are computed together; 1 where the mask
  /// or the score rule depends on the head.
  int64_t group;

  /// The largest tile for few rows, whose keys threads share; null where there
  /// is none.
  const AttentionTile *fewRows() const {
    return fewTiles().empty() ? nullptr : &fewTiles().front();
  }

  static AttentionTiling choose(AttentionOp op, TargetAttr target);
};

/// Where each piece of a thread's scratch lies, in bytes; every piece starts at
/// a multiple of 64.
struct AttentionScratch {
  // What each strip has of its own; `strip` bytes lie between two strips.
  int64_t queries, out, m, mx, l, positions, seen, strip;
  int64_t total, totalM, totalL, usesTotal; // of LongRows.h
  int64_t wholeQueries;                     // of f32, where few keys are
  int64_t scores, packedKeys, packedValues, ranges, stripRanges, alpha, bytes;
  int64_t spans; // two regions of KeySpans.h, where the tiling has few rows

  AttentionScratch(AttentionOp op, const AttentionTiling &tiling);
};

} // namespace heed::attn
