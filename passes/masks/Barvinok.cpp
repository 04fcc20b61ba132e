#include "passes/masks/Barvinok.h"

#include "mlir/Analysis/Presburger/Barvinok.h"
#include "mlir/Analysis/Presburger/PresburgerRelation.h"
#include "mlir/Analysis/Presburger/QuasiPolynomial.h"

#include <functional>

using namespace heed::masks;
using llvm::ArrayRef;
using llvm::DynamicAPInt;
using llvm::SmallVector;
using mlir::presburger::Fraction;
using mlir::presburger::IntegerRelation;
using mlir::presburger::QuasiPolynomial;
namespace presburger = mlir::presburger;

static DynamicAPInt determinant(const IntegerRelation &polytope,
                                ArrayRef<unsigned> rows,
                                ArrayRef<unsigned> columns) {
  if (rows.empty())
    return DynamicAPInt(1);
  // Along the first row.
  DynamicAPInt sum(0);
  for (unsigned i = 0; i < columns.size(); ++i) {
    DynamicAPInt k = polytope.atIneq(rows.front(), columns[i]);
    if (k == 0)
      continue;
    SmallVector<unsigned> others(columns);
    others.erase(others.begin() + i);
    DynamicAPInt minor = determinant(polytope, rows.drop_front(), others);
    sum += i % 2 ? -k * minor : k * minor;
  }
  return sum;
}

/// All choices of as many rows as there are dims have determinant -1, 0 or 1.
static bool isUnimodular(const IntegerRelation &polytope) {
  unsigned numRows = polytope.getNumInequalities();
  SmallVector<unsigned> columns, rows;
  for (unsigned dim = 0; dim < polytope.getNumDimVars(); ++dim)
    columns.push_back(dim);
  std::function<bool(unsigned)> choose = [&](unsigned first) -> bool {
    if (rows.size() == columns.size())
      return llvm::abs(determinant(polytope, rows, columns)) <= 1;
    for (unsigned row = first; row < numRows; ++row) {
      rows.push_back(row);
      bool good = choose(row + 1);
      rows.pop_back();
      if (!good)
        return false;
    }
    return true;
  };
  return choose(0);
}

/// Terms whose floors are of integer expressions; nullopt when one is not. The
/// last variable is U.
static std::optional<Polynomial> toPolynomial(const QuasiPolynomial &count) {
  Polynomial sum;
  for (auto [coefficient, factors] :
       llvm::zip(count.getCoefficients(), count.getAffine())) {
    Polynomial term({}, coefficient);
    for (ArrayRef<Fraction> factor : factors) {
      for (const Fraction &f : factor)
        if (f.num % f.den != 0)
          return std::nullopt;
      Fraction constant = factor.back() + factor[factor.size() - 2];
      term = term * Polynomial(factor.drop_back(2), constant);
    }
    sum = sum + term;
  }
  return sum;
}

/// A conjunction of the library over [symbols, U], U = 1, without divisions.
static std::optional<Conjunct> toChamber(const IntegerRelation &relation) {
  if (relation.getNumLocalVars() != 0)
    return std::nullopt;
  unsigned numSymbols = relation.getNumVars() - 1;
  Conjunct chamber(0, numSymbols);
  auto convert = [&](ArrayRef<DynamicAPInt> row) {
    Row result = chamber.constant(int64_t(row[numSymbols] + row.back()));
    for (unsigned i = 0; i < numSymbols; ++i)
      result[i] = int64_t(row[i]);
    return result;
  };
  for (unsigned i = 0; i < relation.getNumEqualities(); ++i)
    chamber.equalities.push_back(convert(relation.getEquality(i)));
  for (unsigned i = 0; i < relation.getNumInequalities(); ++i)
    chamber.inequalities.push_back(convert(relation.getInequality(i)));
  return chamber;
}

bool heed::masks::countPolytope(
    Exact &exact, const Conjunct &c,
    llvm::function_ref<void(Conjunct, Polynomial)> emit) {
  if (!c.divisions.empty())
    return false;
  // [dims, symbols, U] with U for the constants.
  IntegerRelation polytope =
      presburger::detail::defineHRep(c.numDims, c.numSymbols + 1);
  Conjunct guard(0, c.numSymbols);
  auto readsDims = [&](const Row &row) {
    return llvm::any_of(ArrayRef(row).take_front(c.numDims),
                        [](int64_t k) { return k != 0; });
  };
  auto withoutDims = [&](const Row &row) {
    return Row(row.begin() + c.numDims, row.end());
  };
  for (const Row &row : c.equalities) {
    if (readsDims(row))
      return false;
    guard.equalities.push_back(withoutDims(row));
  }
  for (const Row &row : c.inequalities) {
    if (!readsDims(row)) {
      guard.inequalities.push_back(withoutDims(row));
      continue;
    }
    SmallVector<int64_t> homogeneous(row.begin(), row.end());
    homogeneous.push_back(0);
    polytope.addInequality(homogeneous);
  }
  // The number of chambers grows exponentially, more so in more dims.
  int64_t cost = 1;
  for (unsigned i = 0; i < polytope.getNumInequalities(); ++i)
    cost = std::min<int64_t>(cost * 2 * c.numDims, INT32_MAX);
  if (polytope.getNumInequalities() <= c.numDims || !exact.pay(cost) ||
      !isUnimodular(polytope))
    return false;
  for (auto &[chambers, function] :
       presburger::detail::computePolytopeGeneratingFunction(polytope)) {
    if (function.getSigns().empty())
      continue;
    std::optional<Polynomial> count =
        toPolynomial(presburger::detail::computeNumTerms(function));
    if (!count)
      return false;
    for (const IntegerRelation &disjunct : chambers.getAllDisjuncts()) {
      std::optional<Conjunct> chamber = toChamber(disjunct);
      if (!chamber)
        return false;
      chamber->intersect(guard);
      emit(std::move(*chamber), *count);
    }
  }
  return true;
}
