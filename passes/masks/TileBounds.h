//===- TileBounds.h - Which keys a tile of queries visits -----------------===//
//
// For a tile of queries q0 <= q < q1 and the keys 0 <= kv < L, three sets of
// keys:
//   needed   some query of the tile sees the key
//   full     every query of the tile sees the key: no mask code runs there
//   partial  needed but not full: the mask is evaluated per element
// each as a list of loops over kv whose bounds are affine in q0, q1, L and the
// mask's symbols. The loops of one list do not overlap; `full` and `partial`
// together are `needed`, and are what a kernel visits.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/KeyRange.h"
#include "passes/masks/MaskSet.h"

namespace heed::masks {

struct TileOptions {
  /// Largest q1 - q0 (the least is 1); unknown without it.
  std::optional<int64_t> maxQueries = std::nullopt;
  /// L >= q1: the tile's own positions are among the keys (self attention after
  /// its keys were appended).
  bool keysReachTile = false;
  /// Allow loops with a filter (strides). Without, `needed` and `partial` are
  /// widened to intervals and `full` shrinks.
  bool filters = false;
  int64_t allowance = Exact::defaultAllowance;
};

struct TileBounds {
  /// Symbols of every map: q0, q1, L, then those of the mask.
  static constexpr unsigned q0 = 0, q1 = 1, length = 2, firstMaskSymbol = 3;

  llvm::SmallVector<KeyRange> needed, full, partial;
  /// Names of the symbols.
  llvm::SmallVector<std::string> names;
  /// The lists are exactly the three sets. Otherwise `needed` and `partial` may
  /// hold more and `full` less, which costs time and is never wrong, and
  /// `reason` says why.
  bool exact = true;
  std::string reason;

  void print(llvm::raw_ostream &os) const;
};

TileBounds computeTileBounds(const MaskSet &mask,
                             const TileOptions &options = {});

} // namespace heed::masks
