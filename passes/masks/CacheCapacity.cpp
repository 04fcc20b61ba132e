#include "passes/masks/CacheCapacity.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

namespace {
struct CacheProblem {
  const MaskSet &mask;
  Exact exact;

  /// The ranges of one dim, or nothing when some range has no end.
  std::optional<SmallVector<KeyRange>> boundedRanges(const IntegerUnion &set) {
    SmallVector<KeyRange> ranges = toKeyRanges(
        exact, mask.getContext(), set, mask.knownOfSymbols(1), std::nullopt);
    for (const KeyRange &range : ranges)
      if (range.upper.getNumResults() == 0)
        return std::nullopt;
    return ranges;
  }

  /// Keys kv < t that a query q >= t sees, over dims (kv, t).
  IntegerUnion live() {
    Conjunct past = mask.knownOfSymbols(3);
    Row q = past.variable(0), kv = past.variable(1), t = past.variable(2);
    past.inequalities.push_back(kv);
    past.inequalities.push_back(add(add(t, kv, -1), past.constant(-1)));
    past.inequalities.push_back(add(q, t, -1));
    return exact.project(exact.intersect(mask.atMost().withDims(2, 1), past), 0,
                         1);
  }

  CacheCapacity solve() {
    CacheCapacity result;
    for (const MaskSymbol &symbol : mask.getSymbols())
      result.names.push_back(symbol.name);
    result.reason = mask.whyNotExact();
    result.bounded = true;
    for (const Conjunct &c : exact.merge(live()).disjuncts) {
      // Dims (t - kv, kv, t).
      Conjunct withDistance = c.withDims(0, 1);
      Row distance = withDistance.variable(0);
      withDistance.equalities.push_back(
          add(add(distance, withDistance.variable(1)), withDistance.variable(2),
              -1));
      IntegerUnion distances = exact.project(withDistance, 1, 2);
      if (auto ranges = boundedRanges(distances)) {
        llvm::append_range(result.ring, *ranges);
        continue;
      }
      if (auto ranges = boundedRanges(exact.project(c, 1, 1))) {
        llvm::append_range(result.pinned, *ranges);
        continue;
      }
      result.bounded = false;
    }
    if (exact.exhausted()) {
      result.bounded = false;
      result.reason = "the mask is too complex";
    }
    if (!result.bounded) {
      result.ring.clear();
      result.pinned.clear();
    }
    return result;
  }
};

/// Largest member + 1, 0 when the ranges are empty.
int64_t largestEnd(ArrayRef<KeyRange> ranges, ArrayRef<int64_t> symbols) {
  int64_t largest = 0;
  for (const KeyRange &range : ranges) {
    auto [begin, end] = range.bounds(symbols);
    if (begin < end)
      largest = std::max(largest, end);
  }
  return largest;
}
} // namespace

CacheCapacity heed::masks::computeCacheCapacity(const MaskSet &mask,
                                                int64_t allowance) {
  return CacheProblem{mask, Exact(allowance)}.solve();
}

int64_t CacheCapacity::ringSize(ArrayRef<int64_t> symbols) const {
  return std::max<int64_t>(0, largestEnd(ring, symbols) - 1);
}

int64_t CacheCapacity::pinnedSize(ArrayRef<int64_t> symbols) const {
  return largestEnd(pinned, symbols);
}

void CacheCapacity::print(llvm::raw_ostream &os) const {
  if (!bounded) {
    os << "all past keys";
    if (!reason.empty())
      os << " (" << reason << ")";
    return;
  }
  auto list = [&](ArrayRef<KeyRange> ranges, int64_t offset) {
    llvm::interleave(
        ranges, os,
        [&](const KeyRange &range) { printUpper(os, range, names, offset); },
        " or ");
  };
  if (ring.empty() && pinned.empty())
    os << "no past keys";
  if (!ring.empty()) {
    os << "the last ";
    list(ring, -1);
  }
  if (!pinned.empty()) {
    os << (ring.empty() ? "the first " : " and the first ");
    list(pinned, 0);
  }
}
