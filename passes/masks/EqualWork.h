//===- EqualWork.h - Query tiles shared out by work -----------------------===//
#pragma once

#include "passes/masks/TileBounds.h"

namespace heed::masks {

/// Consecutive items for each of several threads.
struct WorkSplit {
  /// Thread t takes items [first[t], first[t + 1]); threads + 1 entries.
  llvm::SmallVector<int64_t> first;
  /// Work of the busiest thread over the mean: 1 is even.
  double imbalance = 1;
};

/// The split of consecutive items whose busiest thread has the least work. No
/// work is negative.
WorkSplit splitEqually(llvm::ArrayRef<int64_t> work, unsigned threads);

/// The split that the attention kernel makes while it runs, without a search:
/// an item goes to the thread in whose equal part of the whole work its middle
/// lies. No thread has more than the mean and the largest item.
WorkSplit dealByMiddle(llvm::ArrayRef<int64_t> work, unsigned threads);

/// Pairs that each tile of `tileQueries` rows visits, for the rows [0,
/// numQueries) at position `offset` and on, over `length` keys; `symbols` are
/// the mask's. A key that is visited costs all queries of the tile.
llvm::SmallVector<int64_t> visitedPairs(const TileBounds &bounds,
                                        int64_t offset, int64_t numQueries,
                                        int64_t tileQueries, int64_t length,
                                        llvm::ArrayRef<int64_t> symbols);

} // namespace heed::masks
