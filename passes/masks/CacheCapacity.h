//===- CacheCapacity.h - How many past keys a later query can see ---------===//
//
// At step t the keys kv < t are in the cache; a key is live while some query q
// >= t sees it. Live keys fall into a ring, the last few before t, and pinned
// ones, the first few of the sequence (sinks). Everything else may be
// overwritten.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/KeyRange.h"
#include "passes/masks/MaskSet.h"

namespace heed::masks {

struct CacheCapacity {
  /// False when live keys are neither near t nor near 0: the cache keeps all.
  bool bounded = false;
  /// Ranges of the distance t - kv of live keys, over the mask's symbols.
  llvm::SmallVector<KeyRange> ring;
  /// Ranges of kv of the other live keys.
  llvm::SmallVector<KeyRange> pinned;
  llvm::SmallVector<std::string> names;
  /// Why it is not bounded, or more than needed may be kept.
  std::string reason;

  /// Past keys to keep before the query's own: kv >= t - ringSize. 0: none.
  int64_t ringSize(llvm::ArrayRef<int64_t> symbols) const;
  /// Keys kv < pinnedSize are kept for ever.
  int64_t pinnedSize(llvm::ArrayRef<int64_t> symbols) const;
  void print(llvm::raw_ostream &os) const;
};

CacheCapacity computeCacheCapacity(const MaskSet &mask,
                                   int64_t allowance = Exact::defaultAllowance);

} // namespace heed::masks
