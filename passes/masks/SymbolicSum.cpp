#include "passes/masks/SymbolicSum.h"

using namespace heed::masks;
using llvm::ArrayRef;
using llvm::SmallVector;
using mlir::presburger::Fraction;

namespace {
struct Summation {
  Exact &exact;
  llvm::function_ref<Conjunct(unsigned)> known;
  llvm::function_ref<void(Conjunct, Polynomial)> emit;

  bool sum(Conjunct c, const Polynomial &terms);
  bool sumOverEqual(const Conjunct &c, const Polynomial &terms,
                    const Row &equality, unsigned dim);
  bool sumOver(const Conjunct &c, const Polynomial &terms, unsigned dim);
};

/// Bounds of one dim: x >= -row of `lower`, x <= row of `upper`.
struct Bounds {
  SmallVector<Row> lower, upper;
  bool areUnit = true;
};
} // namespace

/// A row without divisions, over [dims, symbols, 1].
static Polynomial toPolynomial(const Conjunct &c, const Row &row) {
  SmallVector<Fraction> coefficients;
  for (unsigned i = 0; i < c.numVars(); ++i)
    coefficients.push_back(Fraction(at(row, i)));
  return Polynomial(coefficients, Fraction(at(row, c.constantColumn())));
}

static Row withoutColumn(Row row, unsigned column) {
  if (column < row.size())
    row.erase(row.begin() + column);
  return row;
}

/// The bounds of a dim, which stays a column with coefficient 0.
static Bounds boundsOf(const Conjunct &c, unsigned dim) {
  Bounds bounds;
  for (Row row : c.inequalities) {
    int64_t k = at(row, dim);
    if (k == 0)
      continue;
    bounds.areUnit &= std::abs(k) == 1;
    row[dim] = 0;
    (k > 0 ? bounds.lower : bounds.upper).push_back(row);
  }
  return bounds;
}

bool Summation::sum(Conjunct c, const Polynomial &terms) {
  if (exact.isEmpty(c))
    return !exact.exhausted();
  c = exact.simplify(c, known(c.numDims));
  if (exact.exhausted() || !c.divisions.empty())
    return false;
  for (const Row &row : c.equalities)
    for (unsigned dim = 0; dim < c.numDims; ++dim)
      if (std::abs(at(row, dim)) == 1)
        return sumOverEqual(c, terms, row, dim);
  for (const Row &row : c.equalities)
    if (llvm::any_of(ArrayRef(row).take_front(c.numDims),
                     [](int64_t k) { return k != 0; }))
      return false;
  if (c.numDims == 0) {
    c.intersect(known(0));
    emit(std::move(c), terms);
    return true;
  }
  // The dim with the fewest cases.
  std::optional<unsigned> best;
  size_t fewest = SIZE_MAX;
  for (unsigned dim = 0; dim < c.numDims; ++dim) {
    Bounds bounds = boundsOf(c, dim);
    size_t cases = bounds.lower.size() * bounds.upper.size();
    if (bounds.areUnit && cases != 0 && cases < fewest) {
      best = dim;
      fewest = cases;
    }
  }
  return best && sumOver(c, terms, *best);
}

/// An equality gives the value of a dim.
bool Summation::sumOverEqual(const Conjunct &c, const Polynomial &terms,
                             const Row &equality, unsigned dim) {
  Row value = scale(equality, -at(equality, dim));
  value[dim] = 0;
  IntegerUnion rest = exact.project(c, dim, 1);
  if (exact.exhausted() || rest.disjuncts.size() > 1)
    return false;
  return rest.disjuncts.empty() ||
         sum(rest.disjuncts.front(),
             terms.substitute(dim, toPolynomial(c, value)).without(dim));
}

bool Summation::sumOver(const Conjunct &c, const Polynomial &terms,
                        unsigned dim) {
  Bounds bounds = boundsOf(c, dim);
  Conjunct rest(c.numDims - 1, c.numSymbols);
  for (const Row &row : c.inequalities)
    if (at(row, dim) == 0)
      rest.inequalities.push_back(withoutColumn(row, dim));
  for (const Row &row : c.equalities)
    rest.equalities.push_back(withoutColumn(row, dim));
  // The first of the tightest bounds is the one that counts.
  auto require = [&](Conjunct &part, ArrayRef<Row> rows, unsigned tightest) {
    for (unsigned i = 0; i < rows.size(); ++i)
      if (i != tightest) {
        Row slack = add(rows[i], rows[tightest], -1);
        if (i < tightest)
          slack = add(slack, c.constant(-1));
        part.inequalities.push_back(withoutColumn(slack, dim));
      }
  };
  for (unsigned low = 0; low < bounds.lower.size(); ++low)
    for (unsigned high = 0; high < bounds.upper.size(); ++high) {
      const Row &lower = bounds.lower[low], &upper = bounds.upper[high];
      Conjunct part = rest;
      require(part, bounds.lower, low);
      require(part, bounds.upper, high);
      // One below the first value the sum is 0 as a polynomial too, so that
      // case needs no piece of its own.
      part.inequalities.push_back(
          withoutColumn(add(add(lower, upper), c.constant(1)), dim));
      Polynomial first = toPolynomial(c, scale(lower, -1)),
                 last = toPolynomial(c, upper);
      if (!sum(part, terms.sum(dim, first, last).without(dim)))
        return false;
    }
  return true;
}

bool heed::masks::countPoints(
    Exact &exact, const Conjunct &c,
    llvm::function_ref<Conjunct(unsigned)> known,
    llvm::function_ref<void(Conjunct, Polynomial)> emit) {
  return Summation{exact, known, emit}.sum(c, Polynomial({}, Fraction(1)));
}
