//===- PairCounts.h - Pairs of an attention at given lengths --------------===//
#pragma once

#include "passes/MaskAnalysis.h"

namespace heed {

/// Pairs of heads: those that the mask allows, and those that each query tile
/// visits. Conditions on tables are left out of both: what they forbid is known
/// only when it runs.
struct PairCounts {
  int64_t allowed = 0;
  /// `allowed` is an upper bound: the mask is too complex for a count by rows,
  /// or not known, and the lengths are too long for one pair by pair.
  bool atMost = false;
  llvm::SmallVector<int64_t> visited;
};

/// Of one head, for tiles of `tileQueries` queries; nullopt where a bound of
/// the loops is looked up when it runs.
std::optional<PairCounts> countPairs(attn::AttentionOp op, MaskFacts &facts,
                                     int64_t queries, int64_t keys,
                                     int64_t tileQueries, int64_t head = 0);

/// Of `queries` rows of a sequence of which a cache holds `past`; its rows see
/// none that come later.
std::optional<PairCounts> countPairsBehind(attn::AttentionOp op,
                                           MaskFacts &facts, int64_t past,
                                           int64_t queries, int64_t tileQueries,
                                           int64_t head = 0);

/// Of all heads, one after the other.
std::optional<PairCounts> countPairsOfHeads(attn::AttentionOp op,
                                            MaskFacts &facts, int64_t queries,
                                            int64_t keys, int64_t tileQueries);

/// The mask has another bound for each head.
bool variesByHead(attn::AttentionOp op);

/// Queries of a tile: the schedule's, or 48.
int64_t queriesOfTile(attn::AttentionOp op);

/// Queries and keys of the attention where open axes have `length` positions.
std::pair<int64_t, int64_t> lengthsOf(attn::AttentionOp op, MaskFacts &facts,
                                      int64_t length);

} // namespace heed
