//===- Causality.h - Does a mask look ahead? ------------------------------===//
#pragma once

#include "passes/masks/KeyRange.h"
#include "passes/masks/MaskSet.h"
#include "passes/masks/Verdict.h"

namespace heed::masks {

/// A query, a later key that it sees, and the mask's symbols where it does.
struct LookAhead {
  int64_t q, kv;
  llvm::SmallVector<int64_t> symbols;
};

struct Causality {
  /// Holds: kv <= q for all allowed pairs, whatever the parameters.
  Verdict verdict = Verdict::Unknown;
  /// The least pair (by q, then kv) with kv > q, when it fails.
  std::optional<LookAhead> counterexample;
  /// A cache stays valid when the first chunk holds at least this many tokens
  /// and later chunks any number: all keys that an earlier query sees are below
  /// it. The largest of the ranges' ends, over the mask's symbols; nothing when
  /// no chunk is long enough. Empty for a causal mask.
  std::optional<llvm::SmallVector<KeyRange>> firstChunk;
  /// Of the mask's symbols; empty for those that are looked up per token.
  llvm::SmallVector<std::string> names;
  std::string reason;

  /// Least first chunk for these values of the symbols; 1 for a causal mask.
  std::optional<int64_t> leastFirstChunk(llvm::ArrayRef<int64_t> symbols) const;
  void print(llvm::raw_ostream &os) const;
};

Causality computeCausality(const MaskSet &mask,
                           int64_t allowance = Exact::defaultAllowance);

} // namespace heed::masks
