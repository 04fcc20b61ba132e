//===- KeyRange.h - A conjunction over kv as a loop -----------------------===//
#pragma once

#include "passes/masks/Affine.h"
#include "passes/masks/Exact.h"

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
  /// `key` is what the filter calls the dim.
  void print(llvm::raw_ostream &os, llvm::ArrayRef<std::string> names,
             const std::string &key = "kv") const;
};

/// Writes a conjunction over the one dim kv as a range. 0 and symbol
/// `lengthSymbol` bound it where the conjunction does not; without a length, a
/// map without results says that there is no bound. Every conjunction has such
/// a range; one that is an interval has no filter.
KeyRange toKeyRange(mlir::MLIRContext *context, const Conjunct &c,
                    std::optional<unsigned> lengthSymbol);

/// The ranges of a set's disjuncts, short for all symbols that satisfy `known`
/// (which has one dim), and by ascending keys where that order is the same for
/// all of them.
llvm::SmallVector<KeyRange> toKeyRanges(Exact &exact,
                                        mlir::MLIRContext *context,
                                        IntegerUnion set, const Conjunct &known,
                                        std::optional<unsigned> lengthSymbol);

/// The end of a range plus `offset`, as `min(a, b)`.
void printUpper(llvm::raw_ostream &os, const KeyRange &range,
                llvm::ArrayRef<std::string> names, int64_t offset = 0);

/// True when toKeyRange needs no filter for this row (an inequality).
bool isIntervalRow(const Conjunct &c, const Row &row);

} // namespace heed::masks
