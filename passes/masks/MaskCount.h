//===- MaskCount.h - How many pairs a mask allows -------------------------===//
#pragma once

#include "passes/masks/Digits.h"
#include "passes/masks/KeyRange.h"
#include "passes/masks/MaskSet.h"
#include "passes/masks/Piecewise.h"

#include <vector>

namespace heed::masks {

/// The number of allowed pairs with 0 <= q < Lq, 0 <= kv < L.
struct MaskCount {
  /// Symbols: Lq, L, then those of the mask.
  static constexpr unsigned queries = 0, length = 1, firstMaskSymbol = 2;

  /// The closed formula: the pieces exclude each other; elsewhere the count is
  /// 0. Not there for masks with slopes, or with moduli of which one
  /// does not divide the other and that have many cases.
  std::optional<std::vector<Piece>> formula;
  /// Of a mask with blocks or strides: the formula's symbols are then the
  /// digits of each.
  Moduli moduli;
  /// The keys of row q, over symbols [q, Lq, L, those of the mask]: the count
  /// is the sum of their lengths over the rows, for every mask.
  llvm::SmallVector<KeyRange> row;
  llvm::SmallVector<std::string> names;
  /// False when look-ups per token may allow fewer pairs, or the mask was too
  /// complex and all pairs are counted.
  bool exact = true;
  std::string reason;
  /// Where there is no formula.
  std::string whyNoFormula;

  /// `symbols` as above. By the formula where there is one, else row by row.
  int64_t evaluate(llvm::ArrayRef<int64_t> symbols) const;
  int64_t sumOfRows(llvm::ArrayRef<int64_t> symbols) const;
  void print(llvm::raw_ostream &os) const;
};

/// With `square`, L = Lq.
MaskCount computeMaskCount(const MaskSet &mask, bool square,
                           int64_t allowance = Exact::defaultAllowance);

} // namespace heed::masks
