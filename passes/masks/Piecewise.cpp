#include "passes/masks/Piecewise.h"

using namespace heed::masks;
using llvm::SmallVector;
using mlir::presburger::Fraction;

/// Adds a polynomial to a piecewise one: pieces are split where it begins.
void Piecewise::add(Piece piece) {
  piece.when.intersect(known);
  if (exact.isEmpty(piece.when))
    return;
  std::vector<Piece> result;
  IntegerUnion rest(piece.when);
  for (const Piece &old : pieces) {
    IntegerUnion both = exact.intersect(old.when, piece.when);
    if (both.disjuncts.empty()) {
      result.push_back(old);
      continue;
    }
    for (const Conjunct &c : both.disjuncts)
      result.push_back({c, old.value + piece.value});
    for (const Conjunct &c : exact.subtract(old.when, piece.when).disjuncts)
      result.push_back({c, old.value});
    rest = exact.subtract(rest, old.when);
  }
  for (const Conjunct &c : rest.disjuncts)
    result.push_back({c, piece.value});
  pieces = std::move(result);
}

/// The polynomial where the equalities of `c` hold, one symbol less for each.
static Polynomial onEqualities(Polynomial polynomial, Conjunct c) {
  bool overflow = false;
  c.normalize(overflow);
  for (const Row &row : c.equalities)
    for (unsigned s = c.numSymbols; s-- > 0 && c.divisions.empty();) {
      if (std::abs(row[s]) != 1)
        continue;
      SmallVector<Fraction> others;
      for (unsigned i = 0; i < c.numSymbols; ++i)
        others.push_back(Fraction(i == s ? 0 : -row[s] * row[i]));
      polynomial = polynomial.substitute(
          s, Polynomial(others, Fraction(-row[s] * row[c.constantColumn()])));
      break;
    }
  return polynomial;
}

void Piecewise::unite() {
  for (Piece &piece : pieces)
    exact.equateRows(piece.when, known);
  // Where an equality holds, another piece's polynomial may be as good.
  for (Piece &piece : pieces)
    for (const Piece &other : pieces)
      if (other.when.equalities.size() < piece.when.equalities.size() &&
          onEqualities(piece.value, piece.when) ==
              onEqualities(other.value, piece.when)) {
        piece.value = other.value;
        break;
      }
  // Unite the pieces with the same polynomial.
  std::vector<Piece> result;
  while (!pieces.empty()) {
    Polynomial count = pieces.front().value;
    IntegerUnion where(0, pieces.front().when.numSymbols);
    for (const Piece &piece : pieces)
      if (piece.value == count)
        where.disjuncts.push_back(piece.when);
    llvm::erase_if(pieces,
                   [&](const Piece &piece) { return piece.value == count; });
    for (const Conjunct &c : exact.merge(where).disjuncts) {
      Conjunct when = exact.simplify(c, known);
      result.push_back({when, onEqualities(count, when)});
    }
  }
  pieces = std::move(result);
}
