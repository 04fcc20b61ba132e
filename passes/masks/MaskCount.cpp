// Barvinok's algorithm (1994) in mlir/Analysis/Presburger counts the points of
// a parametric polytope whose tangent cones are unimodular; it does not check
// that they are. It also takes chambers between facets at a constant distance
// for flat and drops them, so each constant c is given as c * U with a fresh
// parameter U, and U = 1 afterwards.
#include "passes/masks/MaskCount.h"

#include "passes/masks/Digits.h"

#include "mlir/Analysis/Presburger/Barvinok.h"
#include "mlir/Analysis/Presburger/PresburgerRelation.h"
#include "mlir/Analysis/Presburger/QuasiPolynomial.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>

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

  /// The formula over the symbols, or over their digits to a modulus.
  void findFormula(const IntegerUnion &pairs, MaskCount &result);
};

/// Adds up counts of conjunctions without divisions.
struct Formula {
  Exact &exact;
  /// What is known of the symbols, over any number of dims.
  llvm::function_ref<Conjunct(unsigned numDims)> known;
  std::vector<MaskCount::Piece> pieces;

  bool add(Conjunct c);
  bool equateRows(Conjunct &c);
  void addPiece(MaskCount::Piece piece);
  void unite();
};
} // namespace

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

/// Adds a polynomial to a piecewise one: pieces are split where it begins.
void Formula::addPiece(MaskCount::Piece piece) {
  bool overflow = false;
  if (!piece.when.normalize(overflow))
    return;
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

static std::optional<unsigned> dimOfUnitEquality(const Conjunct &c) {
  for (const Row &row : c.equalities)
    for (unsigned dim = 0; dim < c.numDims; ++dim)
      if (std::abs(row[dim]) == 1)
        return dim;
  return std::nullopt;
}

/// Turns rows that are 0 at every point into equalities. The library drops the
/// chambers of a polytope that is flat, or that has points only where symbols
/// meet an equality: i >= r, i <= 1, j >= 0, j <= r - 1 has some for r = 1
/// only.
bool Formula::equateRows(Conjunct &c) {
  bool any = false;
  for (unsigned i = 0; i < c.inequalities.size();) {
    Conjunct more = c;
    more.intersect(known(c.numDims));
    Row row = c.inequalities[i];
    more.inequalities.push_back(heed::masks::add(row, c.constant(-1)));
    if (!exact.isEmpty(more)) {
      ++i;
      continue;
    }
    c.inequalities.erase(c.inequalities.begin() + i);
    c.equalities.push_back(row);
    any = true;
  }
  return any;
}

/// Adds the number of points of one conjunction; false when there is no
/// formula.
bool Formula::add(Conjunct c) {
  if (exact.isEmpty(c))
    return !exact.exhausted();
  // A dim that an equality gives is not counted; the other rows bound it.
  do {
    c = exact.simplify(c, known(c.numDims));
    while (std::optional<unsigned> dim = dimOfUnitEquality(c)) {
      IntegerUnion fewer = exact.project(c, *dim, 1);
      if (fewer.disjuncts.size() != 1)
        return fewer.disjuncts.empty() && !exact.exhausted();
      c = exact.simplify(fewer.disjuncts.front(), known(c.numDims - 1));
    }
  } while (!exact.exhausted() && equateRows(c));
  if (!c.divisions.empty())
    return false;

  // [dims, symbols, U] with U for the constants.
  unsigned numDims = c.numDims, numSymbols = c.numSymbols;
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
    addPiece({guard, Polynomial({}, Fraction(1))});
    return true;
  }
  // The number of chambers grows exponentially, more so in more dims.
  int64_t cost = 1;
  for (unsigned i = 0; i < polytope.getNumInequalities(); ++i)
    cost = std::min<int64_t>(cost * 2 * numDims, INT32_MAX);
  if (polytope.getNumInequalities() <= numDims || !exact.pay(cost) ||
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
      chamber->intersect(known(0));
      if (!exact.isEmpty(*chamber))
        addPiece({*chamber, *count});
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

/// Fewer pieces, shorter conditions.
void Formula::unite() {
  // Where an equality holds, another piece's polynomial may be as good.
  for (MaskCount::Piece &piece : pieces)
    for (const MaskCount::Piece &other : pieces)
      if (other.when.equalities.size() < piece.when.equalities.size() &&
          onEqualities(piece.pairs, piece.when) ==
              onEqualities(other.pairs, piece.when)) {
        piece.pairs = other.pairs;
        break;
      }
  // Unite the pieces with the same polynomial.
  std::vector<MaskCount::Piece> result;
  while (!pieces.empty()) {
    Polynomial count = pieces.front().pairs;
    IntegerUnion where(0, pieces.front().when.numSymbols);
    for (const MaskCount::Piece &piece : pieces)
      if (piece.pairs == count)
        where.disjuncts.push_back(piece.when);
    llvm::erase_if(pieces, [&](const MaskCount::Piece &piece) {
      return piece.pairs == count;
    });
    for (const Conjunct &c : exact.merge(where).disjuncts) {
      Conjunct when = exact.simplify(c, known(0));
      result.push_back({when, onEqualities(count, when)});
    }
  }
  pieces = std::move(result);
}

void CountProblem::findFormula(const IntegerUnion &pairs, MaskCount &result) {
  // Digits double the symbols: with two lengths, or several disjuncts, there
  // are too many pieces to be of use.
  bool simple = square && pairs.disjuncts.size() == 1;
  std::optional<int64_t> modulus =
      commonModulus(pairs.disjuncts, simple ? 4096 : 1);
  if (!modulus)
    return;
  bool done = true;
  auto run = [&](llvm::function_ref<Conjunct(unsigned)> known,
                 llvm::function_ref<void(Formula &)> fill) {
    Formula formula{exact, known, {}};
    fill(formula);
    if (done)
      formula.unite();
    if (done && !exact.exhausted())
      result.formula = std::move(formula.pieces);
  };
  if (*modulus == 1)
    return run([&](unsigned numDims) { return known(numDims); },
               [&](Formula &formula) {
                 for (const Conjunct &c : pairs.disjuncts)
                   done = done && formula.add(c);
               });
  // Digits of what is known: 0 <= s mod m < m, and s floordiv m >= 0 where s >=
  // 0.
  result.modulus = *modulus;
  run(
      [&](unsigned numDims) {
        Conjunct digits(numDims, 2 * numSymbols);
        for (unsigned s = 0; s < numSymbols; ++s) {
          Row coarse = digits.variable(numDims + 2 * s);
          Row fine = digits.variable(numDims + 2 * s + 1);
          digits.inequalities.push_back(fine);
          digits.inequalities.push_back(
              add(digits.constant(*modulus - 1), fine, -1));
          if (s >= MaskCount::firstMaskSymbol)
            continue;
          // The length is at least 1.
          digits.inequalities.push_back(coarse);
          digits.inequalities.push_back(
              add(add(fine, coarse, *modulus), digits.constant(-1)));
        }
        return digits;
      },
      [&](Formula &formula) {
        for (const Conjunct &c : pairs.disjuncts)
          if (!expandDigits(
                  exact.simplify(c, known(2)), *modulus, 64,
                  [&](Conjunct part) { done = done && formula.add(part); }))
            done = false;
      });
}

/// Whether the formula says what the rows say, at lengths of every remainder,
/// then at some longer ones, and symbols near their least: the chambers come
/// from a library that is known to err, and a wrong formula is worse than none.
static bool agreesWithRows(const MaskCount &count, const MaskSet &mask,
                           bool square) {
  constexpr int64_t most = 40;
  int64_t m = count.modulus;
  SmallVector<int64_t> symbols(MaskCount::firstMaskSymbol +
                               mask.getSymbols().size());
  int64_t dense = 2 * std::min(m, most) + 8, largest = dense + 2 * most;
  for (int64_t queries = 1; queries <= largest;
       queries += queries < dense ? 1 : 7)
    for (int64_t length : {queries, queries / 2 + 1, queries + 7}) {
      for (int64_t above : {0, 1, 5, 17}) {
        symbols[MaskCount::queries] = queries;
        symbols[MaskCount::length] = square ? queries : length;
        for (auto [i, symbol] : llvm::enumerate(mask.getSymbols()))
          symbols[MaskCount::firstMaskSymbol + i] =
              symbol.kind == MaskSymbol::KeyLength
                  ? symbols[MaskCount::length]
                  : std::min(symbol.min.value_or(0) + above,
                             symbol.max.value_or(INT64_MAX));
        if (count.evaluate(symbols) != count.sumOfRows(symbols))
          return false;
        if (mask.getSymbols().empty())
          break;
      }
      if (square)
        break;
    }
  return true;
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
  problem.findFormula(pairs, result);
  if (result.formula && !agreesWithRows(result, mask, square)) {
    result.formula.reset();
    result.modulus = 1;
  }
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
  SmallVector<int64_t> digits;
  if (modulus != 1)
    for (int64_t s : symbols) {
      digits.push_back(llvm::divideFloorSigned(s, modulus));
      digits.push_back(s - modulus * digits.back());
    }
  ArrayRef<int64_t> values = modulus == 1 ? symbols : ArrayRef(digits);
  for (const Piece &piece : *formula)
    if (piece.when.contains(values))
      return piece.pairs.evaluate(values);
  return 0;
}

void MaskCount::print(llvm::raw_ostream &os) const {
  if (formula) {
    SmallVector<std::string> symbols(names);
    if (modulus != 1) {
      symbols.clear();
      for (const std::string &name : names)
        for (const char *part : {" floordiv ", " mod "})
          symbols.push_back("(" + name + part + std::to_string(modulus) + ")");
    }
    if (formula->empty())
      os << "0";
    llvm::interleave(
        *formula, os,
        [&](const Piece &piece) {
          piece.pairs.print(os, symbols);
          if (piece.when.equalities.empty() && piece.when.inequalities.empty())
            return;
          os << " if ";
          piece.when.print(os, symbols);
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
