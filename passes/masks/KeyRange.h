//===- KeyRange.h - A conjunction over kv as a loop -----------------------===//
#pragma once

#include "passes/masks/Affine.h"
#include "passes/masks/Conjunct.h"

#include "mlir/IR/AffineMap.h"

namespace heed::masks {

/// The keys max(lower) <= kv < min(upper) for which `filter` holds, when
/// `guard` holds; none otherwise. All are over the same symbols; `filter` has
/// the dim kv.
struct KeyRange {
  mlir::AffineMap lower, upper; ///< () [symbols] -> (one or more bounds)
  std::optional<mlir::IntegerSet> guard; ///< () [symbols]
  std::optional<mlir::IntegerSet>
      filter; ///< (kv) [symbols], conditions that are no bound, as (kv - q0)
              ///< mod 4 == 0

  /// [begin, end) for these values of the symbols, end >= begin; empty when the
  /// guard fails.
  std::pair<int64_t, int64_t> bounds(llvm::ArrayRef<int64_t> symbols) const;
  /// Number of keys.
  int64_t count(llvm::ArrayRef<int64_t> symbols) const;
  bool contains(int64_t key, llvm::ArrayRef<int64_t> symbols) const;
  void print(llvm::raw_ostream &os, llvm::ArrayRef<std::string> names) const;
};

/// Writes a conjunction over the one dim kv as a range. 0 and symbol
/// `lengthSymbol` bound it where the conjunction does not. Every conjunction
/// has such a range; one that is an interval has no filter.
KeyRange toKeyRange(mlir::MLIRContext *context, const Conjunct &c,
                    unsigned lengthSymbol);

/// True when toKeyRange needs no filter for this row (an inequality).
bool isIntervalRow(const Conjunct &c, const Row &row);

} // namespace heed::masks
