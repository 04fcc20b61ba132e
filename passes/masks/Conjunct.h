//===- Conjunct.h - One conjunction of integer constraints ----------------===//
//
// A conjunction of linear equalities and inequalities over dims, symbols and
// floor divisions. The divisions are kept as definitions, apart from the
// constraints: LLVM 22's library guesses them back from pairs of inequalities,
// and takes a pair that restricts a division (1 <= x - 4e <= 3) for the one
// that defines it; its subtract then loses points.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>
#include <string>

namespace heed::masks {

/// Coefficients of a linear expression, in the order [dims, symbols, 1,
/// divisions]. A row may be shorter than the conjunction is wide: missing
/// coefficients are 0.
using Row = llvm::SmallVector<int64_t, 10>;

/// floor(dividend / denominator), denominator >= 2. The dividend reads dims,
/// symbols and divisions defined earlier. Canonical (see Conjunct::divide), so
/// equal functions are mostly equal definitions.
struct FloorDiv {
  Row dividend;
  int64_t denominator;
  bool operator==(const FloorDiv &other) const {
    return denominator == other.denominator && dividend == other.dividend;
  }
};

/// The conjunction of `equalities` (row == 0) and `inequalities` (row >= 0).
/// Starts as the universe.
class Conjunct {
public:
  Conjunct(unsigned numDims, unsigned numSymbols)
      : numDims(numDims), numSymbols(numSymbols) {}

  unsigned numDims, numSymbols;
  llvm::SmallVector<FloorDiv, 2> divisions;
  llvm::SmallVector<Row, 8> equalities, inequalities;

  /// Coefficients beyond this are refused, so that a product of two fits an
  /// int64_t.
  static constexpr int64_t maxCoefficient = int64_t(1) << 30;

  unsigned numVars() const { return numDims + numSymbols; }
  unsigned constantColumn() const { return numVars(); }
  unsigned divisionColumn(unsigned i) const { return numVars() + 1 + i; }
  unsigned width() const { return numVars() + 1 + divisions.size(); }

  Row constant(int64_t value) const;
  Row variable(unsigned column) const;

  /// The row that equals floor(dividend / denominator), denominator >= 1:
  /// multiples of the denominator are taken out, the sign is fixed, common
  /// factors are cancelled, and only a remainder becomes a (shared) division.
  Row divide(Row dividend, int64_t denominator);

  /// The rows of this conjunction that equal the divisions of `other`, which
  /// has the same dims and symbols.
  llvm::SmallVector<Row> importDivisions(const Conjunct &other);
  /// A row of `other` as a row of this one; `divisions` is what importDivisions
  /// gave.
  Row import(const Row &row, llvm::ArrayRef<Row> divisions) const;
  /// Adds all constraints of `other`.
  void intersect(const Conjunct &other);

  /// Reduces rows by their gcd, drops what is trivially implied, turns opposite
  /// pairs into equalities, drops unused divisions. False when it meets a
  /// contradiction (the converse is not decided here) or a coefficient that is
  /// too large, which sets `overflow`. With `substitute`, a division that an
  /// equality pins is replaced by its value.
  bool normalize(bool &overflow, bool substitute = true);

  /// The same set for the library; the definition of each division comes first,
  /// as its pair of inequalities.
  mlir::presburger::IntegerRelation toRelation() const;

  /// An affine expression over dims and symbols as a row (dims and symbols must
  /// be in range). nullopt when it is not affine, or `why` says that it has no
  /// meaning (mod 0, floordiv by a negative number, huge constant).
  std::optional<Row> flatten(mlir::AffineExpr expr, std::string &why);

  /// The same constraints with `count` fresh columns before column `first`,
  /// which are dims or symbols.
  Conjunct withDims(unsigned first, unsigned count) const;
  Conjunct withSymbols(unsigned first, unsigned count) const;
  /// The same constraints over `count` symbols; symbol s of this one, where it
  /// is read, becomes symbol position(s).
  Conjunct withSymbolsAt(unsigned count,
                         llvm::function_ref<unsigned(unsigned)> position) const;
  /// All symbols become dims, after the others.
  Conjunct withSymbolsAsDims() const;
  /// The first dim becomes the first symbol.
  Conjunct withFirstDimAsSymbol() const;

  bool contains(llvm::ArrayRef<int64_t> dimsAndSymbols) const;
  void print(llvm::raw_ostream &os, llvm::ArrayRef<std::string> names) const;

private:
  Conjunct withColumns(unsigned column, unsigned count) const;
  void substituteDivision(unsigned index, const Row &value);
  bool substitutePinnedDivision();
  void dropUnusedDivisions();
};

/// Row arithmetic; rows may differ in length.
Row add(const Row &a, const Row &b, int64_t scaleB = 1);
Row scale(const Row &a, int64_t factor);
inline int64_t at(const Row &row, unsigned column) {
  return column < row.size() ? row[column] : 0;
}
/// Negation over the integers of row >= 0, that is -row - 1 >= 0.
Row negate(const Row &row, unsigned constantColumn);

} // namespace heed::masks
