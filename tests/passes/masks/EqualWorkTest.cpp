#include "passes/masks/EqualWork.h"
#include "passes/masks/MaskCount.h"
#include "tests/passes/masks/TestMasks.h"

#include <catch2/catch.hpp>

#include <numeric>
#include <random>

using namespace heed::masks;
using namespace heed::masks::test;

/// Least possible work of the busiest of `threads`, by dynamic programming.
static int64_t bestPossible(const std::vector<int64_t> &work,
                            unsigned threads) {
  std::vector<int64_t> best(work.size() + 1, INT64_MAX);
  best[0] = 0;
  for (unsigned t = 0; t < threads; ++t) {
    std::vector<int64_t> next(work.size() + 1, INT64_MAX);
    for (size_t from = 0; from <= work.size(); ++from) {
      int64_t sum = 0;
      for (size_t to = from; best[from] != INT64_MAX; ++to) {
        next[to] = std::min(next[to], std::max(best[from], sum));
        if (to == work.size())
          break;
        sum += work[to];
      }
    }
    best = next;
  }
  return best.back();
}

static int64_t busiest(const WorkSplit &split, llvm::ArrayRef<int64_t> work) {
  int64_t most = 0;
  for (unsigned t = 0; t + 1 < split.first.size(); ++t)
    most = std::max(most, std::accumulate(work.begin() + split.first[t],
                                          work.begin() + split.first[t + 1],
                                          int64_t(0)));
  return most;
}

TEST_CASE("the split of least maximal work") {
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    std::vector<int64_t> work(random() % 14);
    for (int64_t &w : work)
      w = random() % 20;
    unsigned threads = 1 + random() % 6;
    WorkSplit split = splitEqually(work, threads);
    REQUIRE(split.first.size() == threads + 1);
    CHECK(split.first.front() == 0);
    CHECK(split.first.back() == int64_t(work.size()));
    CHECK(std::is_sorted(split.first.begin(), split.first.end()));
    CHECK(busiest(split, work) == bestPossible(work, threads));
  }
}

TEST_CASE("dealing by the middle is nearly as even") {
  std::mt19937 random(6);
  for (int i = 0; i < 200; ++i) {
    std::vector<int64_t> work(random() % 40);
    for (int64_t &w : work)
      w = random() % 20;
    unsigned threads = 1 + random() % 9;
    WorkSplit split = dealByMiddle(work, threads);
    REQUIRE(split.first.size() == threads + 1);
    CHECK(split.first.front() == 0);
    CHECK(split.first.back() == int64_t(work.size()));
    CHECK(std::is_sorted(split.first.begin(), split.first.end()));
    int64_t total = std::accumulate(work.begin(), work.end(), int64_t(0)),
            largest = work.empty() ? 0 : *llvm::max_element(work);
    CHECK(busiest(split, work) * threads <= total + largest * threads);
    CHECK((total == 0 ||
           split.imbalance ==
               Approx(double(busiest(split, work)) * threads / total)));
  }
}

TEST_CASE("tiles of common masks are shared out evenly") {
  mlir::MLIRContext context;
  for (const NamedMask &named : commonMasks()) {
    MaskSet mask = toMask(context, named);
    TileBounds bounds =
        computeTileBounds(mask, {.maxQueries = 48, .keysReachTile = true});
    int64_t x = std::min<int64_t>(named.maxX, 64), length = 16384;
    llvm::SmallVector<int64_t> work =
        visitedPairs(bounds, 0, length, 48, length, x);
    REQUIRE(work.size() == 342);
    for (unsigned threads : {2, 8, 64}) {
      WorkSplit split = splitEqually(work, threads);
      CAPTURE(named.name, threads, split.imbalance);
      // A thread cannot do better than the mean and less than one tile.
      double mean =
          double(std::accumulate(work.begin(), work.end(), int64_t(0))) /
          threads;
      CHECK((mean == 0 ||
             busiest(split, work) <= mean + *llvm::max_element(work)));
      CHECK((mean == 0 ||
             split.imbalance == Approx(busiest(split, work) / mean)));
    }
  }
  // Half of the rows are a quarter of a causal mask's work.
  TileBounds causal =
      computeTileBounds(toMask(context, commonMasks()[2]),
                        {.maxQueries = 48, .keysReachTile = true});
  llvm::SmallVector<int64_t> work =
      visitedPairs(causal, 0, 16384, 48, 16384, 1);
  WorkSplit two = splitEqually(work, 2);
  CHECK(two.imbalance < 1.01);
  CHECK(two.first[1] == Approx(342 * 0.7071).margin(2));
}

TEST_CASE("tiles visit the pairs that the mask allows, rounded up to tiles") {
  mlir::MLIRContext context;
  for (const NamedMask &named : commonMasks()) {
    if (named.name.find("dilated") != std::string::npos)
      continue;
    MaskSet mask = toMask(context, named);
    MaskCount count = computeMaskCount(mask, true);
    // Tiles of one query visit exactly the allowed pairs, at an offset too.
    TileBounds rows =
        computeTileBounds(mask, {.maxQueries = 1, .keysReachTile = true});
    int64_t x = std::min<int64_t>(named.maxX, 20), symbols[] = {300, 300, x},
            head[] = {120, 300, x};
    llvm::SmallVector<int64_t> all = visitedPairs(rows, 0, 300, 1, 300, x),
                               tail = visitedPairs(rows, 120, 180, 1, 300, x);
    CAPTURE(named.name);
    CHECK(std::accumulate(all.begin(), all.end(), int64_t(0)) ==
          count.evaluate(symbols));
    CHECK(std::accumulate(tail.begin(), tail.end(), int64_t(0)) ==
          count.evaluate(symbols) -
              computeMaskCount(mask, false).evaluate(head));
  }
}
