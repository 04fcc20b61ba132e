//===- Polynomial.h - Polynomials with rational coefficients --------------===//
#pragma once

#include "mlir/Analysis/Presburger/Fraction.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <string>

namespace heed::masks {

/// A polynomial in numbered variables.
class Polynomial {
public:
  using Fraction = mlir::presburger::Fraction;
  /// Power of each variable; trailing zeros are dropped.
  using Powers = llvm::SmallVector<unsigned, 4>;

  Polynomial() = default;
  /// constant + sum of coefficients[i] * variable i.
  Polynomial(llvm::ArrayRef<Fraction> coefficients, Fraction constant);

  Polynomial operator+(const Polynomial &other) const;
  Polynomial operator*(const Polynomial &other) const;
  /// The polynomial with `value` in the place of a variable.
  Polynomial substitute(unsigned variable, const Polynomial &value) const;
  /// The sum over all values of a variable from `first` to `last`, which do not
  /// read it; 0 where last = first - 1.
  Polynomial sum(unsigned variable, const Polynomial &first,
                 const Polynomial &last) const;
  /// The same over one variable less; it must not be read.
  Polynomial without(unsigned variable) const;
  bool operator==(const Polynomial &other) const {
    return terms == other.terms;
  }

  /// The value, which must be an integer (that of a count is).
  int64_t evaluate(llvm::ArrayRef<int64_t> variables) const;
  /// `(Lq * Lq + Lq) / 2`.
  void print(llvm::raw_ostream &os, llvm::ArrayRef<std::string> names) const;

private:
  void add(Powers powers, Fraction coefficient);
  std::map<Powers, Fraction> terms;
};

} // namespace heed::masks
