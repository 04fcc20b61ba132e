// Barvinok's algorithm (1994) in mlir/Analysis/Presburger counts the points of
// a parametric polytope whose tangent cones are unimodular; it does not check
// that they are. It also takes chambers between facets at a constant distance
// for flat and drops them, so each constant c is given as c * U with a fresh
// parameter U, and U = 1 afterwards.
#include "passes/masks/MaskCount.h"

#include "mlir/Analysis/Presburger/Barvinok.h"
#include "mlir/Analysis/Presburger/PresburgerRelation.h"
#include "mlir/Analysis/Presburger/QuasiPolynomial.h"
#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;
using llvm::DynamicAPInt;
using mlir::presburger::Fraction;
using mlir::presburger::IntegerRelation;
using mlir::presburger::QuasiPolynomial;

namespace {
struct CountProblem {
  const MaskSet &mask;
  bool square;
  Exact exact;
  unsigned numSymbols;

  Conjunct known(unsigned numDims) {
    Conjunct c = mask.knownOfSymbols(numDims, MaskCount::firstMaskSymbol,
                                     MaskCount::length);
    Row queries = c.variable(numDims + MaskCount::queries);
    Row length = c.variable(numDims + MaskCount::length);
    c.inequalities.push_back(add(queries, c.constant(-1)));
    c.inequalities.push_back(add(length, c.constant(-1)));
    if (square)
      c.equalities.push_back(add(queries, length, -1));
    return c;
  }

  /// Allowed pairs of the box, as disjoint conjunctions over (q, kv).
  IntegerUnion pairs() {
    Conjunct box = known(2);
    for (unsigned dim : {0, 1}) {
      Row position = box.variable(dim), end = box.variable(2 + dim);
      box.inequalities.push_back(position);
      box.inequalities.push_back(add(add(end, position, -1), box.constant(-1)));
    }
    IntegerUnion allowed = exact.intersect(
        mask.atMost().withSymbols(0, MaskCount::firstMaskSymbol), box);
    return exact.merge(exact.disjoint(exact.merge(allowed)));
  }

  std::optional<std::vector<MaskCount::Piece>>
  closedForm(const IntegerUnion &pairs);
  bool countConjunct(Conjunct c, std::vector<MaskCount::Piece> &pieces);
  void addPiece(std::vector<MaskCount::Piece> &pieces,
                const MaskCount::Piece &piece);
};
} // namespace

/// Each square submatrix of the rows' dims has determinant -1, 0 or 1.
static bool isUnimodular(const IntegerRelation &polytope) {
  unsigned n = polytope.getNumInequalities();
  for (unsigned i = 0; i < n; ++i)
    for (unsigned v = 0; v < polytope.getNumDimVars(); ++v)
      if (llvm::abs(polytope.atIneq(i, v)) > 1)
        return false;
  if (polytope.getNumDimVars() < 2)
    return true;
  for (unsigned i = 0; i < n; ++i)
    for (unsigned j = i + 1; j < n; ++j)
      if (llvm::abs(polytope.atIneq(i, 0) * polytope.atIneq(j, 1) -
                    polytope.atIneq(i, 1) * polytope.atIneq(j, 0)) > 1)
        return false;
  return true;
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

/// Adds a polynomial to a piecewise one: pieces are split where it begins.
void CountProblem::addPiece(std::vector<MaskCount::Piece> &pieces,
                            const MaskCount::Piece &piece) {
  std::vector<MaskCount::Piece> result;
  IntegerUnion rest(piece.when);
  for (const MaskCount::Piece &old : pieces) {
    IntegerUnion both = exact.intersect(old.when, piece.when);
    if (both.disjuncts.empty()) {
      result.push_back(old);
      continue;
    }
    for (const Conjunct &c : both.disjuncts)
      result.push_back({c, old.pairs + piece.pairs});
    for (const Conjunct &c : exact.subtract(old.when, piece.when).disjuncts)
      result.push_back({c, old.pairs});
    rest = exact.subtract(rest, old.when);
  }
  for (const Conjunct &c : rest.disjuncts)
    result.push_back({c, piece.pairs});
  pieces = std::move(result);
}

/// Adds the number of points of one conjunction; false when there is no
/// formula.
bool CountProblem::countConjunct(Conjunct c,
                                 std::vector<MaskCount::Piece> &pieces) {
  // A dim that an equality gives is not counted; the other rows bound it.
  for (bool changed = true; changed;) {
    changed = false;
    c = exact.simplify(c, known(c.numDims));
    for (const Row &row : c.equalities)
      for (unsigned dim = 0; dim < c.numDims && !changed; ++dim)
        if (std::abs(row[dim]) == 1 && c.divisions.empty()) {
          IntegerUnion fewer = exact.project(c, dim, 1);
          if (fewer.disjuncts.size() != 1)
            return false;
          c = Conjunct(fewer.disjuncts.front());
          changed = true;
        }
  }
  if (!c.divisions.empty())
    return false;

  // [dims, symbols, U] with U for the constants.
  unsigned numDims = c.numDims;
  IntegerRelation polytope =
      presburger::detail::defineHRep(numDims, numSymbols + 1);
  Conjunct guard(0, numSymbols);
  auto readsDims = [&](const Row &row) {
    return llvm::any_of(ArrayRef(row).take_front(numDims),
                        [](int64_t k) { return k != 0; });
  };
  auto withoutDims = [&](const Row &row) {
    return Row(row.begin() + numDims, row.end());
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
  if (numDims == 0) {
    guard.intersect(known(0));
    addPiece(pieces, {guard, Polynomial({}, Fraction(1))});
    return true;
  }
  if (!isUnimodular(polytope))
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
      chamber->intersect(known(0));
      if (!exact.isEmpty(*chamber))
        addPiece(pieces, {*chamber, *count});
    }
  }
  return true;
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

std::optional<std::vector<MaskCount::Piece>>
CountProblem::closedForm(const IntegerUnion &pairs) {
  std::vector<MaskCount::Piece> pieces;
  for (const Conjunct &c : pairs.disjuncts)
    if (!countConjunct(c, pieces))
      return std::nullopt;
  // Where an equality holds, another piece's polynomial may be as good.
  for (MaskCount::Piece &piece : pieces)
    for (const MaskCount::Piece &other : pieces)
      if (onEqualities(piece.pairs, piece.when) ==
          onEqualities(other.pairs, piece.when)) {
        piece.pairs = other.pairs;
        break;
      }
  // Unite the pieces with the same polynomial.
  std::vector<MaskCount::Piece> result;
  while (!pieces.empty()) {
    Polynomial count = pieces.front().pairs;
    IntegerUnion where(0, numSymbols);
    for (const MaskCount::Piece &piece : pieces)
      if (piece.pairs == count)
        where.disjuncts.push_back(piece.when);
    llvm::erase_if(pieces, [&](const MaskCount::Piece &piece) {
      return piece.pairs == count;
    });
    for (const Conjunct &c : exact.merge(where).disjuncts)
      result.push_back({exact.simplify(c, known(0)), count});
  }
  return result;
}

MaskCount heed::masks::computeMaskCount(const MaskSet &mask, bool square,
                                        int64_t allowance) {
  unsigned numSymbols = MaskCount::firstMaskSymbol + mask.getSymbols().size();
  CountProblem problem{mask, square, Exact(allowance), numSymbols};
  MaskCount result;
  result.exact = mask.isExact();
  result.reason = mask.whyNotExact();
  result.names = {"Lq", "L"};
  for (const MaskSymbol &symbol : mask.getSymbols())
    result.names.push_back(symbol.name);

  IntegerUnion pairs = problem.pairs();
  // q becomes the first symbol: its column lies between kv's and the symbols'.
  IntegerUnion rows(1, 1 + numSymbols);
  for (Conjunct c : pairs.disjuncts)
    rows.disjuncts.push_back(c.withFirstDimAsSymbol());
  Conjunct known = problem.known(1).withSymbols(0, 1);
  Row q = known.variable(1), queries = known.variable(2 + MaskCount::queries);
  known.inequalities.push_back(q);
  known.inequalities.push_back(add(add(queries, q, -1), known.constant(-1)));
  result.row = toKeyRanges(problem.exact, mask.getContext(), rows, known,
                           1 + MaskCount::length);
  if (problem.exact.exhausted()) {
    result.row = {toKeyRange(mask.getContext(), Conjunct(1, 1 + numSymbols),
                             1 + MaskCount::length)};
    result.exact = false;
    result.reason = "the mask is too complex: all pairs are counted";
    return result;
  }
  result.formula = problem.closedForm(pairs);
  if (problem.exact.exhausted())
    result.formula.reset();
  return result;
}

int64_t MaskCount::sumOfRows(ArrayRef<int64_t> symbols) const {
  SmallVector<int64_t> values(symbols);
  values.insert(values.begin(), 0);
  int64_t sum = 0;
  for (values[0] = 0; values[0] < symbols[queries]; ++values[0])
    for (const KeyRange &range : row)
      sum += range.count(values);
  return sum;
}

int64_t MaskCount::evaluate(ArrayRef<int64_t> symbols) const {
  if (!formula)
    return sumOfRows(symbols);
  for (const Piece &piece : *formula)
    if (piece.when.contains(symbols))
      return piece.pairs.evaluate(symbols);
  return 0;
}

void MaskCount::print(llvm::raw_ostream &os) const {
  if (formula) {
    if (formula->empty())
      os << "0";
    llvm::interleave(
        *formula, os,
        [&](const Piece &piece) {
          piece.pairs.print(os, names);
          if (piece.when.equalities.empty() && piece.when.inequalities.empty())
            return;
          os << " if ";
          piece.when.print(os, names);
        },
        "; ");
  } else {
    SmallVector<std::string> rowNames(names);
    rowNames.insert(rowNames.begin(), "q");
    os << "the sum over q of the keys in ";
    llvm::interleave(
        row, os, [&](const KeyRange &range) { range.print(os, rowNames); },
        " and ");
  }
  if (!exact)
    os << " (at most; " << reason << ")";
}
