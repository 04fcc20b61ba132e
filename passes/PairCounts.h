//===- PairCounts.h - Pairs of an attention at given lengths --------------===//
#pragma once

#include "passes/MaskAnalysis.h"

namespace heed {

/// Pairs of one head: those that the mask allows, and those that each query
/// tile visits. Conditions on tables are left out of both: what they forbid is
/// known only when it runs.
struct PairCounts {
  int64_t allowed = 0;
  llvm::SmallVector<int64_t> visited;
};

/// For tiles of `tileQueries` queries; nullopt where a bound of the loops is
/// looked up when it runs.
std::optional<PairCounts> countPairs(attn::AttentionOp op, MaskFacts &facts,
                                     int64_t queries, int64_t keys,
                                     int64_t tileQueries);

} // namespace heed
