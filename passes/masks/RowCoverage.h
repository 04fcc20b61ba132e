//===- RowCoverage.h - Queries that see no key ----------------------------===//
#pragma once

#include "passes/masks/KeyRange.h"
#include "passes/masks/MaskSet.h"
#include "passes/masks/Verdict.h"

namespace heed::masks {

/// Which rows q of a mask have no allowed key 0 <= kv < L. They yield zeros.
struct RowCoverage {
  /// Symbols of the ranges: L, then those of the mask.
  static constexpr unsigned length = 0, firstMaskSymbol = 1;

  /// Holds: every row sees a key, whatever the lengths and parameters.
  Verdict verdict = Verdict::Unknown;
  /// The rows that see none; with Unknown, those that may see none.
  llvm::SmallVector<KeyRange> empty;
  llvm::SmallVector<std::string> names;
  /// Why the verdict is Unknown.
  std::string reason;

  void print(llvm::raw_ostream &os) const;
};

/// Rows are 0 <= q, and q < L with `selfAttention`.
RowCoverage computeRowCoverage(const MaskSet &mask, bool selfAttention,
                               int64_t allowance = Exact::defaultAllowance);

} // namespace heed::masks
