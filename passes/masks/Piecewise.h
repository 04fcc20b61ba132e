//===- Piecewise.h - Sums of polynomials on parts of a space --------------===//
#pragma once

#include "passes/masks/Exact.h"
#include "passes/masks/Polynomial.h"

#include <vector>

namespace heed::masks {

/// A polynomial in the symbols, where `when` (no dims) holds.
struct Piece {
  Conjunct when;
  Polynomial value;
};

/// A sum of pieces, kept as pieces that exclude each other; 0 elsewhere.
class Piecewise {
public:
  /// `known` of all symbols, without dims.
  Piecewise(Exact &exact, Conjunct known)
      : exact(exact), known(std::move(known)) {}

  void add(Piece piece);
  /// Fewer pieces, shorter conditions.
  void unite();
  std::vector<Piece> take() { return std::move(pieces); }

private:
  Exact &exact;
  Conjunct known;
  std::vector<Piece> pieces;
};

} // namespace heed::masks
