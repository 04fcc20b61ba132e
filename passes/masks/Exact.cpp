#include "passes/masks/Exact.h"

#include "passes/masks/Eliminate.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

bool IntegerUnion::contains(ArrayRef<int64_t> dimsAndSymbols) const {
  return llvm::any_of(
      disjuncts, [&](const Conjunct &c) { return c.contains(dimsAndSymbols); });
}

IntegerUnion IntegerUnion::withDims(unsigned first, unsigned count) const {
  IntegerUnion wide(numDims + count, numSymbols);
  for (const Conjunct &c : disjuncts)
    wide.disjuncts.push_back(c.withDims(first, count));
  return wide;
}

IntegerUnion IntegerUnion::withSymbols(unsigned first, unsigned count) const {
  IntegerUnion wide(numDims, numSymbols + count);
  for (const Conjunct &c : disjuncts)
    wide.disjuncts.push_back(c.withSymbols(first, count));
  return wide;
}

void IntegerUnion::print(llvm::raw_ostream &os,
                         ArrayRef<std::string> names) const {
  if (disjuncts.empty())
    os << "false";
  llvm::interleave(
      disjuncts, os, [&](const Conjunct &c) { c.print(os, names); }, " or ");
}

bool Exact::pay(int64_t cost) {
  if (left >= 0)
    left -= cost;
  return left >= 0;
}

bool Exact::normalize(Conjunct &c) {
  bool overflow = false;
  bool possible = c.normalize(overflow);
  if (overflow)
    left = -1;
  return possible && !overflow;
}

/// A guess of the simplex work: rows times columns, and the branching that
/// divisions cause.
static int64_t emptinessCost(const Conjunct &c) {
  int64_t divisions = c.divisions.size();
  int64_t rows = c.equalities.size() + c.inequalities.size() + 2 * divisions;
  return rows * c.width() * (1 + divisions * divisions);
}

bool Exact::isEmpty(const Conjunct &original) {
  if (exhausted())
    return true;
  Conjunct c = original;
  if (!normalize(c))
    return true;
  if (c.equalities.empty() && c.inequalities.empty())
    return false;
  if (!pay(emptinessCost(c)))
    return true;
  return c.toRelation().isIntegerEmpty();
}

bool Exact::isEmpty(const IntegerUnion &set) {
  return llvm::all_of(set.disjuncts,
                      [&](const Conjunct &c) { return isEmpty(c); });
}

bool Exact::equateRows(Conjunct &c, const Conjunct &known) {
  bool any = false;
  for (unsigned i = 0; i < c.inequalities.size();) {
    Conjunct more = c;
    more.intersect(known);
    Row row = c.inequalities[i];
    more.inequalities.push_back(add(row, c.constant(-1)));
    if (!isEmpty(more)) {
      ++i;
      continue;
    }
    c.inequalities.erase(c.inequalities.begin() + i);
    c.equalities.push_back(row);
    any = true;
  }
  return any;
}

std::optional<SmallVector<int64_t>> Exact::sample(const Conjunct &original) {
  Conjunct c = original;
  if (exhausted() || !normalize(c) || !pay(emptinessCost(c)))
    return std::nullopt;
  auto point = c.toRelation().findIntegerSample();
  if (!point)
    return std::nullopt;
  SmallVector<int64_t> values;
  for (unsigned i = 0; i < c.numVars(); ++i)
    values.push_back(int64_t((*point)[i]));
  return values;
}

std::optional<SmallVector<int64_t>> Exact::least(const IntegerUnion &set) {
  std::optional<SmallVector<int64_t>> best;
  for (Conjunct c : set.disjuncts) {
    std::optional<SmallVector<int64_t>> point = sample(c);
    for (unsigned column = 0; point && column < c.numVars(); ++column) {
      // Gallop down from the point, then halve what is left. 2^29 keeps the
      // coefficients in range.
      int64_t low = -(int64_t(1) << 29), high = (*point)[column], step = 1;
      while (low < high && !exhausted()) {
        int64_t probe = std::max(low, high - step);
        Conjunct lower = c;
        lower.inequalities.push_back(
            add(c.constant(probe), c.variable(column), -1));
        if (std::optional<SmallVector<int64_t>> smaller = sample(lower)) {
          point = smaller;
          high = (*point)[column];
          step *= 2;
        } else {
          low = probe + 1;
          step = std::max<int64_t>(1, (high - low) / 2);
        }
      }
      c.equalities.push_back(
          add(c.variable(column), c.constant((*point)[column]), -1));
    }
    if (point && (!best || *point < *best))
      best = point;
  }
  return exhausted() ? std::nullopt : best;
}

void Exact::addNonEmpty(SmallVectorImpl<Conjunct> &out, Conjunct c) {
  if (exhausted() || !normalize(c) || isEmpty(c))
    return;
  out.push_back(std::move(c));
}

IntegerUnion Exact::intersect(const IntegerUnion &a, const IntegerUnion &b) {
  IntegerUnion result(a.numDims, a.numSymbols);
  for (const Conjunct &x : a.disjuncts)
    for (const Conjunct &y : b.disjuncts) {
      Conjunct both = x;
      both.intersect(y);
      addNonEmpty(result.disjuncts, std::move(both));
    }
  return result;
}

void Exact::subtractOne(const Conjunct &a, const Conjunct &b,
                        SmallVectorImpl<Conjunct> &out) {
  Conjunct both = a;
  both.intersect(b);
  if (isEmpty(both)) {
    out.push_back(a);
    return;
  }
  // a - (r1 and r2 and ...) = (a and not r1) or (a and r1 and not r2) or ...
  Conjunct rest = a;
  SmallVector<Row> divisions = rest.importDivisions(b);
  auto split = [&](const Row &row) {
    Conjunct piece = rest;
    piece.inequalities.push_back(negate(row, rest.constantColumn()));
    addNonEmpty(out, std::move(piece));
  };
  for (const Row &original : b.equalities) {
    Row row = rest.import(original, divisions);
    split(row);
    split(scale(row, -1));
    rest.equalities.push_back(row);
  }
  for (const Row &original : b.inequalities) {
    Row row = rest.import(original, divisions);
    split(row);
    rest.inequalities.push_back(row);
  }
}

IntegerUnion Exact::subtract(const IntegerUnion &a, const IntegerUnion &b) {
  IntegerUnion result = a;
  for (const Conjunct &y : b.disjuncts) {
    SmallVector<Conjunct, 2> pieces;
    for (const Conjunct &x : result.disjuncts)
      subtractOne(x, y, pieces);
    result.disjuncts = std::move(pieces);
    if (exhausted())
      break;
  }
  return result;
}

bool Exact::isSubset(const IntegerUnion &a, const IntegerUnion &b) {
  return isEmpty(subtract(a, b));
}

IntegerUnion Exact::project(const IntegerUnion &set, unsigned first,
                            unsigned count) {
  IntegerUnion result(set.numDims - count, set.numSymbols);
  for (Conjunct c : set.disjuncts) {
    if (exhausted() || !normalize(c) || isEmpty(c))
      continue;
    bool done = eliminateDims(
        c, first, count, [&](int64_t cost) { return pay(cost); },
        [&](Conjunct piece) {
          addNonEmpty(result.disjuncts, std::move(piece));
        });
    if (!done)
      left = -1;
  }
  return result;
}

IntegerUnion Exact::disjoint(const IntegerUnion &set) {
  IntegerUnion result(set.numDims, set.numSymbols);
  for (const Conjunct &c : set.disjuncts) {
    IntegerUnion fresh = subtract(IntegerUnion(c), result);
    for (Conjunct &piece : fresh.disjuncts)
      addNonEmpty(result.disjuncts, std::move(piece));
    if (exhausted())
      break;
  }
  return result;
}

bool Exact::implies(const Conjunct &c, const Row &row) {
  Conjunct counter = c;
  counter.inequalities.push_back(negate(row, c.constantColumn()));
  return isEmpty(counter);
}

std::optional<Conjunct> Exact::mergeTwo(const Conjunct &a, const Conjunct &b) {
  // The constraints of each that hold on the other: if that encloses no more
  // than a and b, it is their union.
  Conjunct hull(a.numDims, a.numSymbols);
  auto keepCommon = [&](const Conjunct &from, const Conjunct &on) {
    Conjunct target = on;
    SmallVector<Row> onDivisions = target.importDivisions(from),
                     hullDivisions = hull.importDivisions(from);
    auto keep = [&](const Row &row) {
      if (implies(target, target.import(row, onDivisions)))
        hull.inequalities.push_back(hull.import(row, hullDivisions));
    };
    for (const Row &row : from.equalities) {
      keep(row);
      keep(scale(row, -1));
    }
    for (const Row &row : from.inequalities)
      keep(row);
  };
  keepCommon(a, b);
  keepCommon(b, a);
  IntegerUnion both(a);
  both.disjuncts.push_back(b);
  if (!isSubset(IntegerUnion(hull), both) || exhausted() || !normalize(hull))
    return std::nullopt;
  return hull;
}

IntegerUnion Exact::merge(IntegerUnion set) {
  for (unsigned i = 0; i < set.disjuncts.size(); ++i)
    for (unsigned j = i + 1; j < set.disjuncts.size(); ++j)
      if (std::optional<Conjunct> one =
              mergeTwo(set.disjuncts[i], set.disjuncts[j])) {
        set.disjuncts[i] = std::move(*one);
        set.disjuncts.erase(set.disjuncts.begin() + j);
        i = 0;
        j = 0;
      }
  return set;
}

/// Replaces the last symbol of each equality of `context` that gives its value
/// by the others.
static void substituteSymbols(Conjunct &c, const Conjunct &context) {
  if (!context.divisions.empty())
    return;
  for (const Row &row : context.equalities)
    for (unsigned s = c.numVars(); s-- > c.numDims;) {
      if (std::abs(row[s]) != 1)
        continue;
      Conjunct result(c.numDims, c.numSymbols);
      SmallVector<Row> divisions;
      auto replace = [&](const Row &old) {
        Row fresh = result.import(old, divisions);
        return add(fresh, row, -fresh[s] * row[s]);
      };
      for (const FloorDiv &division : c.divisions)
        divisions.push_back(
            result.divide(replace(division.dividend), division.denominator));
      for (const Row &old : c.equalities)
        result.equalities.push_back(replace(old));
      for (const Row &old : c.inequalities)
        result.inequalities.push_back(replace(old));
      c = std::move(result);
      break;
    }
}

Conjunct Exact::simplify(Conjunct c, Conjunct context) {
  if (!normalize(context))
    return c;
  substituteSymbols(c, context);
  if (!normalize(c))
    return c;
  // Conditions on symbols go first, then long rows: what stays is short bounds
  // on the dims.
  auto weight = [&](const Row &row, unsigned index) {
    int64_t onDims = 0, terms = 0;
    for (unsigned i = 0; i < row.size(); ++i) {
      onDims += i < c.numDims && row[i] != 0;
      terms += row[i] != 0;
    }
    for (unsigned d = 0; d < c.divisions.size(); ++d)
      if (at(row, c.divisionColumn(d)) != 0) {
        terms += 4;
        for (unsigned i = 0; i < c.numDims; ++i)
          onDims += at(c.divisions[d].dividend, i) != 0;
      }
    return std::tuple(onDims == 0 ? 0 : 1, -terms, index);
  };
  SmallVector<std::pair<decltype(weight({}, 0)), Row>> order;
  for (auto [i, row] : llvm::enumerate(c.inequalities))
    order.emplace_back(weight(row, i), row);
  llvm::sort(order);
  c.inequalities.assign(llvm::make_second_range(order).begin(),
                        llvm::make_second_range(order).end());
  auto dropImplied = [&](SmallVector<Row, 8> Conjunct::*rows, bool equality) {
    for (unsigned i = 0; i < (c.*rows).size();) {
      Conjunct rest = c;
      Row row = (rest.*rows)[i];
      (rest.*rows).erase((rest.*rows).begin() + i);
      rest.intersect(context);
      bool implied =
          implies(rest, row) && (!equality || implies(rest, scale(row, -1)));
      if (implied && !exhausted())
        (c.*rows).erase((c.*rows).begin() + i);
      else
        ++i;
    }
  };
  dropImplied(&Conjunct::equalities, true);
  dropImplied(&Conjunct::inequalities, false);
  normalize(c);
  return c;
}
