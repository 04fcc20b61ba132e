#include "passes/masks/MaskCount.h"

#include "passes/masks/Barvinok.h"
#include "passes/masks/SymbolicSum.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

namespace {
struct CountProblem {
  const MaskSet &mask;
  bool square;
  int64_t allowance;
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
    // Counted are the rows of a call.
    for (auto [i, symbol] : llvm::enumerate(mask.getSymbols()))
      if (symbol.kind == MaskSymbol::QueryLength)
        c.equalities.push_back(add(
            queries, c.variable(numDims + MaskCount::firstMaskSymbol + i), -1));
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

  Conjunct knownOfDigits(unsigned numDims, const Moduli &moduli);
  bool addPart(Exact &exact, Conjunct c, const Moduli &all, Piecewise &sum);
  /// The formula over the symbols, or over their digits to moduli.
  void findFormula(const IntegerUnion &pairs, MaskCount &result);
};

/// Counts one conjunction without divisions: its equalities first.
struct PointCount {
  Exact &exact;
  /// What is known of the symbols, over any number of dims.
  llvm::function_ref<Conjunct(unsigned numDims)> known;
  llvm::function_ref<void(Conjunct, Polynomial)> emit;

  bool count(Conjunct c);
};
} // namespace

static std::optional<unsigned> dimOfUnitEquality(const Conjunct &c) {
  for (const Row &row : c.equalities)
    for (unsigned dim = 0; dim < c.numDims; ++dim)
      if (std::abs(row[dim]) == 1)
        return dim;
  return std::nullopt;
}

/// Adds the number of points of one conjunction; false when there is no
/// formula. Barvinok's chambers are few in the plane, and many where positions
/// have digits.
bool PointCount::count(Conjunct c) {
  if (c.numDims > 2)
    return countPoints(exact, c, known, emit);
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
  } while (!exact.exhausted() && exact.equateRows(c, known(c.numDims)));
  if (!c.divisions.empty())
    return false;
  std::vector<std::pair<Conjunct, Polynomial>> pieces;
  auto collect = [&](Conjunct when, Polynomial points) {
    pieces.emplace_back(std::move(when), std::move(points));
  };
  if (c.numDims == 0 || !countPolytope(exact, c, collect)) {
    pieces.clear();
    if (!countPoints(exact, c, known, collect))
      return false;
  }
  for (auto &[when, points] : pieces)
    emit(std::move(when), std::move(points));
  return !exact.exhausted();
}

/// Larger moduli, and more cases of carries, have formulas too long to read.
static constexpr int64_t mostModulus = 4096;
static constexpr unsigned mostCases = 64;

/// What is known of the symbols' digits.
Conjunct CountProblem::knownOfDigits(unsigned numDims, const Moduli &moduli) {
  if (moduli.empty())
    return known(numDims);
  Conjunct values = known(0);
  values.equalities.clear();
  Conjunct digits = withDigits(values, {}, moduli).withDims(0, numDims);
  unsigned each = moduli.size() + 1;
  for (unsigned s = 0; s < numSymbols; ++s)
    for (unsigned digit = 0; digit < each; ++digit) {
      Row column = digits.variable(numDims + s * each + moduli.size() - digit);
      int64_t weight = digit ? moduli[digit - 1] : 1;
      bool isHighest = digit == moduli.size();
      if (!isHighest)
        digits.inequalities.push_back(
            add(digits.constant(moduli[digit] / weight - 1), column, -1));
      if (!isHighest || s < MaskCount::firstMaskSymbol)
        digits.inequalities.push_back(column);
    }
  return digits;
}

void CountProblem::findFormula(const IntegerUnion &pairs, MaskCount &result) {
  std::optional<Moduli> all = moduliOf(pairs.disjuncts, mostModulus);
  if (!all) {
    result.whyNoFormula =
        "its moduli have a common multiple over " + std::to_string(mostModulus);
    return;
  }
  // Digits of two lengths mostly make a formula that is too long to read.
  Exact exact(all->empty() ? allowance
              : square     ? allowance / 4
                           : allowance / 16);
  Piecewise sum(exact, knownOfDigits(0, *all));
  for (const Conjunct &c : pairs.disjuncts)
    if (!addPart(exact, c, *all, sum)) {
      result.whyNoFormula = exact.exhausted()
                                ? "it would have too many cases"
                                : "a slope, or moduli that do not divide one "
                                  "another";
      return;
    }
  sum.unite();
  if (exact.exhausted()) {
    result.whyNoFormula = "it would have too many cases";
    return;
  }
  result.moduli = *all;
  result.formula = sum.take();
}

/// Counts a conjunction in no more digits than it needs, and adds it up in
/// those of all.
bool CountProblem::addPart(Exact &exact, Conjunct c, const Moduli &all,
                           Piecewise &sum) {
  c = exact.simplify(c, known(2));
  std::optional<Moduli> own = moduliOf(c, mostModulus);
  if (!own || exact.exhausted())
    return false;
  if (!llvm::all_of(*own,
                    [&](int64_t m) { return llvm::is_contained(all, m); }))
    own = all;
  auto knownHere = [&](unsigned numDims) {
    return knownOfDigits(numDims, *own);
  };
  auto addPiece = [&](Conjunct when, Polynomial points) {
    when = exact.simplify(when, knownHere(0));
    unsigned columns = when.numSymbols;
    sum.add({withDigits(when, *own, all),
             withDigits(std::move(points), columns, *own, all)});
  };
  PointCount counter{exact, knownHere, addPiece};
  bool done = true;
  return expandDigits(c, *own, mostCases,
                      [&](Conjunct part) {
                        done = done && counter.count(std::move(part));
                      }) &&
         done && !exact.exhausted();
}

/// Whether the formula says what the rows say, at lengths of every remainder,
/// then at some longer ones, and symbols near their least: the chambers come
/// from a library that is known to err, and a wrong formula is worse than none.
static bool agreesWithRows(const MaskCount &count, const MaskSet &mask,
                           bool square) {
  constexpr int64_t most = 40;
  int64_t m = count.moduli.empty() ? 1 : count.moduli.back();
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
  CountProblem problem{mask, square, allowance, Exact(allowance), numSymbols};
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
    result.moduli.clear();
    result.whyNoFormula = "the one that was found is not what its rows say";
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
  for (int64_t s : symbols)
    llvm::append_range(digits, digitsOf(s, moduli));
  for (const Piece &piece : *formula)
    if (piece.when.contains(digits))
      return piece.value.evaluate(digits);
  return 0;
}

void MaskCount::print(llvm::raw_ostream &os) const {
  // Longer formulas are for evaluate alone.
  constexpr size_t mostPieces = 14;
  if (formula && formula->size() <= mostPieces) {
    SmallVector<std::string> symbols;
    for (const std::string &name : names)
      llvm::append_range(symbols, digitNames(name, moduli));
    if (formula->empty())
      os << "0";
    llvm::interleave(
        *formula, os,
        [&](const Piece &piece) {
          piece.value.print(os, symbols);
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
    if (formula)
      os << " (in closed form " << formula->size() << " polynomials)";
    else if (!whyNoFormula.empty())
      os << " (no closed form: " << whyNoFormula << ")";
  }
  if (!exact)
    os << " (at most; " << reason << ")";
}
