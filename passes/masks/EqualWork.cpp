#include "passes/masks/EqualWork.h"

#include <numeric>

using namespace heed::masks;

/// Fills the threads one after the other up to `limit`; false when items are
/// left over.
static bool fill(llvm::ArrayRef<int64_t> work, unsigned threads, int64_t limit,
                 llvm::SmallVectorImpl<int64_t> &first) {
  first.assign(1, 0);
  size_t item = 0;
  for (unsigned t = 0; t < threads; ++t) {
    for (int64_t sum = 0; item < work.size() && sum + work[item] <= limit;
         ++item)
      sum += work[item];
    first.push_back(item);
  }
  return item == work.size();
}

WorkSplit heed::masks::splitEqually(llvm::ArrayRef<int64_t> work,
                                    unsigned threads) {
  int64_t total = std::accumulate(work.begin(), work.end(), int64_t(0));
  // The least limit that the threads can keep.
  int64_t low = work.empty() ? 0 : *llvm::max_element(work), high = total;
  WorkSplit split;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (fill(work, threads, middle, split.first))
      high = middle;
    else
      low = middle + 1;
  }
  fill(work, threads, low, split.first);
  if (total > 0)
    split.imbalance = double(low) * threads / double(total);
  return split;
}

WorkSplit heed::masks::dealByMiddle(llvm::ArrayRef<int64_t> work,
                                    unsigned threads) {
  int64_t total = std::accumulate(work.begin(), work.end(), int64_t(0)),
          before = 0, busiest = 0;
  WorkSplit split;
  llvm::SmallVector<int64_t> sums(threads, 0);
  for (auto [item, cost] : llvm::enumerate(work)) {
    // Without any work all goes to the first.
    unsigned owner =
        total ? std::min<int64_t>((2 * before + cost) * threads / (2 * total),
                                  threads - 1)
              : 0;
    while (split.first.size() <= owner)
      split.first.push_back(item);
    busiest = std::max(busiest, sums[owner] += cost);
    before += cost;
  }
  split.first.resize(threads + 1, work.size());
  if (total > 0)
    split.imbalance = double(busiest) * threads / double(total);
  return split;
}

llvm::SmallVector<int64_t>
heed::masks::visitedPairs(const TileBounds &bounds, int64_t offset,
                          int64_t numQueries, int64_t tileQueries,
                          int64_t length, llvm::ArrayRef<int64_t> symbols) {
  llvm::SmallVector<int64_t> values(TileBounds::firstMaskSymbol, 0);
  values.append(symbols.begin(), symbols.end());
  values[TileBounds::length] = length;
  llvm::SmallVector<int64_t> work;
  for (int64_t q = 0; q < numQueries; q += tileQueries) {
    int64_t end = std::min(q + tileQueries, numQueries), keys = 0;
    values[TileBounds::q0] = offset + q;
    values[TileBounds::q1] = offset + end;
    for (llvm::ArrayRef<KeyRange> ranges :
         {llvm::ArrayRef(bounds.full), llvm::ArrayRef(bounds.partial)})
      for (const KeyRange &range : ranges)
        keys += range.count(values);
    work.push_back(keys * (end - q));
  }
  return work;
}
