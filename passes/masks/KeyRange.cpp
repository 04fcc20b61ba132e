#include "passes/masks/KeyRange.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

std::pair<int64_t, int64_t> KeyRange::bounds(ArrayRef<int64_t> symbols) const {
  if (guard && !holds(*guard, {}, symbols))
    return {0, 0};
  int64_t begin = INT64_MIN, end = INT64_MAX;
  for (AffineExpr e : lower.getResults())
    begin = std::max(begin, evaluate(e, {}, symbols));
  for (AffineExpr e : upper.getResults())
    end = std::min(end, evaluate(e, {}, symbols));
  return {begin, std::max(begin, end)};
}

bool KeyRange::contains(int64_t key, ArrayRef<int64_t> symbols) const {
  auto [begin, end] = bounds(symbols);
  return begin <= key && key < end && (!filter || holds(*filter, key, symbols));
}

int64_t KeyRange::count(ArrayRef<int64_t> symbols) const {
  auto [begin, end] = bounds(symbols);
  if (!filter)
    return end - begin;
  int64_t keys = 0;
  for (int64_t key = begin; key < end; ++key)
    keys += holds(*filter, key, symbols);
  return keys;
}

static void printBounds(llvm::raw_ostream &os, const char *function,
                        AffineMap map, ArrayRef<std::string> names,
                        int64_t offset = 0) {
  if (map.getNumResults() == 0)
    os << (llvm::StringRef(function) == "max" ? "-∞" : "∞");
  if (map.getNumResults() > 1)
    os << function << "(";
  llvm::interleave(
      map.getResults(), os,
      [&](AffineExpr e) { printAffine(os, e + offset, {}, names); }, ", ");
  if (map.getNumResults() > 1)
    os << ")";
}

void heed::masks::printUpper(llvm::raw_ostream &os, const KeyRange &range,
                             ArrayRef<std::string> names, int64_t offset) {
  printBounds(os, "min", range.upper, names, offset);
}

void KeyRange::print(llvm::raw_ostream &os, ArrayRef<std::string> names,
                     const std::string &key) const {
  os << "[";
  printBounds(os, "max", lower, names);
  os << ", ";
  printBounds(os, "min", upper, names);
  os << ")";
  if (filter) {
    os << " where ";
    printSet(os, *filter, key, names);
  }
  if (guard) {
    os << " if ";
    printSet(os, *guard, {}, names);
  }
}

namespace {
/// A row that reads kv is a bound of it when it is a kv + n with a != 0, or k
/// floor((b kv + n) / m) + e with b != 0; n and e do not read kv.
struct KeyBound {
  int division = -1; ///< -1 in the first case
  int64_t slope = 0; ///< b in the second
};

/// Which rows and divisions of a conjunction over the one dim kv read it.
class KeyUse {
public:
  explicit KeyUse(const Conjunct &c) : c(c) {
    for (const FloorDiv &division : c.divisions)
      divisionReadsKey.push_back(readsKey(division.dividend));
  }

  bool readsKey(const Row &row) const {
    if (row[0] != 0)
      return true;
    for (unsigned d = 0; d < divisionReadsKey.size(); ++d)
      if (divisionReadsKey[d] && at(row, c.divisionColumn(d)) != 0)
        return true;
    return false;
  }

  /// nullopt when the row reads kv and is no bound of it.
  std::optional<KeyBound> bound(const Row &row) const {
    KeyBound result;
    for (unsigned d = 0; d < divisionReadsKey.size(); ++d) {
      if (!divisionReadsKey[d] || at(row, c.divisionColumn(d)) == 0)
        continue;
      if (result.division >= 0)
        return std::nullopt;
      result.division = d;
    }
    if (result.division < 0)
      return result;
    // k t kv + k floor((b kv + n) / m) = k floor(((b + m t) kv + n) / m).
    const FloorDiv &division = c.divisions[result.division];
    int64_t k = row[c.divisionColumn(result.division)];
    result.slope = division.dividend[0] + row[0] / k * division.denominator;
    std::optional<KeyBound> inner = bound(division.dividend);
    if (row[0] % k != 0 || result.slope == 0 || !inner || inner->division >= 0)
      return std::nullopt;
    return result;
  }

private:
  const Conjunct &c;
  SmallVector<bool> divisionReadsKey;
};

AffineExpr toExpr(MLIRContext *context, const Conjunct &c, const Row &row) {
  AffineExpr expr = getAffineConstantExpr(0, context);
  for (unsigned i = 0; i < c.numSymbols; ++i)
    if (row[1 + i] != 0)
      expr = expr + getAffineSymbolExpr(i, context) * row[1 + i];
  for (unsigned d = 0; d < c.divisions.size(); ++d)
    if (int64_t k = at(row, c.divisionColumn(d)))
      expr = expr + toExpr(context, c, c.divisions[d].dividend)
                            .floorDiv(c.divisions[d].denominator) *
                        k;
  if (row[0] != 0)
    expr = getAffineDimExpr(0, context) * row[0] + expr;
  return expr + row[c.constantColumn()];
}
} // namespace

bool heed::masks::isIntervalRow(const Conjunct &c, const Row &row) {
  return KeyUse(c).bound(row).has_value();
}

KeyRange heed::masks::toKeyRange(MLIRContext *context, const Conjunct &original,
                                 std::optional<unsigned> lengthSymbol) {
  KeyUse use(original);
  // Bounds may need divisions of their own.
  Conjunct c = original;
  SmallVector<AffineExpr> lowers, uppers, guards, filters;
  SmallVector<bool> guardEqualities, filterEqualities;

  // a kv + e >= 0, a != 0.
  auto addBound = [&](int64_t a, Row e) {
    if (a > 0)
      e = add(scale(e, -1), c.constant(a - 1));
    Row bound = c.divide(e, std::abs(a));
    bound[c.constantColumn()] += a < 0;
    AffineExpr expr = toExpr(context, c, bound);
    auto &list = a > 0 ? lowers : uppers;
    if (!llvm::is_contained(list, expr))
      list.push_back(expr);
  };
  auto addInequality = [&](Row row, KeyBound bound) {
    int64_t a = row[0];
    row[0] = 0;
    if (bound.division < 0)
      return addBound(a, row);
    // k floor((b kv + n) / m) + e >= 0: floor(x / m) >= t iff x >= m t, and
    // floor(x / m) <= t iff x <= m t + m - 1.
    FloorDiv inner = c.divisions[bound.division];
    int64_t k = row[c.divisionColumn(bound.division)], m = inner.denominator,
            b = bound.slope;
    row[c.divisionColumn(bound.division)] = 0;
    Row n = inner.dividend;
    n[0] = 0;
    if (k > 0)
      addBound(b,
               add(n, c.divide(add(scale(row, -1), c.constant(k - 1)), k), -m));
    else
      addBound(-b,
               add(add(scale(c.divide(row, -k), m), n, -1), c.constant(m - 1)));
  };
  auto addRow = [&](const Row &row, bool equality) {
    std::optional<KeyBound> bound = use.bound(row);
    if (!bound || !use.readsKey(row)) {
      (bound ? guards : filters).push_back(toExpr(context, c, row));
      (bound ? guardEqualities : filterEqualities).push_back(equality);
      return;
    }
    addInequality(row, *bound);
    if (equality)
      addInequality(scale(row, -1), *bound);
  };
  for (const Row &row : original.equalities)
    addRow(row, true);
  for (const Row &row : original.inequalities)
    addRow(row, false);
  if (lowers.empty() && lengthSymbol)
    lowers.push_back(getAffineConstantExpr(0, context));
  if (uppers.empty() && lengthSymbol)
    uppers.push_back(getAffineSymbolExpr(*lengthSymbol, context));

  KeyRange range;
  range.lower = AffineMap::get(0, c.numSymbols, lowers, context);
  range.upper = AffineMap::get(0, c.numSymbols, uppers, context);
  if (!guards.empty())
    range.guard = IntegerSet::get(0, c.numSymbols, guards, guardEqualities);
  if (!filters.empty())
    range.filter = IntegerSet::get(1, c.numSymbols, filters, filterEqualities);
  return range;
}

SmallVector<KeyRange>
heed::masks::toKeyRanges(Exact &exact, MLIRContext *context, IntegerUnion set,
                         const Conjunct &known,
                         std::optional<unsigned> lengthSymbol) {
  for (Conjunct &c : set.disjuncts)
    c = exact.simplify(c, known);
  // Some values of the symbols put a key of `a` at or after a key of `b`.
  auto mayFollow = [&](const Conjunct &a, const Conjunct &b) {
    Conjunct both = a.withDims(1, 1);
    both.intersect(b.withDims(0, 1));
    both.intersect(known.withDims(1, 1));
    both.inequalities.push_back(add(both.variable(0), both.variable(1), -1));
    return !exact.isEmpty(both);
  };
  SmallVector<KeyRange> ranges;
  while (!set.disjuncts.empty()) {
    auto first = llvm::find_if(set.disjuncts, [&](const Conjunct &a) {
      return llvm::none_of(set.disjuncts, [&](const Conjunct &b) {
        return &a != &b && mayFollow(a, b);
      });
    });
    if (first == set.disjuncts.end())
      first = set.disjuncts.begin();
    ranges.push_back(toKeyRange(context, *first, lengthSymbol));
    set.disjuncts.erase(first);
  }
  return ranges;
}
