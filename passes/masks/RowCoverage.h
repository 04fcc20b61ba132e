//===- RowCoverage.h - Queries that see no key ----------------------------===//
#pragma once

#include "passes/masks/KeyRange.h"
#include "passes/masks/MaskSet.h"
#include "passes/masks/Verdict.h"

namespace heed::masks {

/// What is known of rows besides 0 <= q.
struct RowFacts {
  bool amongKeys = false; ///< there is a key of that number: q < L
  bool counted = true;    ///< from the first query on: q < q_len
  bool sameRows = false;  ///< queries and keys are of the same rows: q_len == L
  bool aligned = false;   ///< assumed: q_len <= L, as `promises: aligned` says
};

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
  /// Empty, or what was assumed of the lengths: `q_len <= L`.
  std::string assumed;

  void print(llvm::raw_ostream &os) const;
};

RowCoverage computeRowCoverage(const MaskSet &mask, RowFacts facts,
                               int64_t allowance = Exact::defaultAllowance);

} // namespace heed::masks
