#include "passes/masks/TileBounds.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

static constexpr char StrideReason[] =
    "ranges of keys hold those between keys at a stride";

namespace {
/// Columns of the analysis: dims (q, kv) or (kv), then symbols q0, q1, L and
/// the mask's.
struct TileProblem {
  const MaskSet &mask;
  const TileOptions &options;
  unsigned numSymbols;
  Exact exact;

  TileProblem(const MaskSet &mask, const TileOptions &options)
      : mask(mask), options(options),
        numSymbols(TileBounds::firstMaskSymbol + mask.getSymbols().size()),
        exact(options.allowance) {}

  /// 0 <= q0 < q1 <= q0 + maxQueries, L >= 1, and what is known of the mask's
  /// symbols.
  Conjunct context(unsigned numDims) {
    Conjunct c = mask.knownOfSymbols(numDims, TileBounds::firstMaskSymbol,
                                     TileBounds::length);
    Row q0 = c.variable(numDims + TileBounds::q0),
        q1 = c.variable(numDims + TileBounds::q1);
    Row length = c.variable(numDims + TileBounds::length),
        queries = add(q1, q0, -1);
    c.inequalities.push_back(q0);
    c.inequalities.push_back(add(queries, c.constant(-1)));
    c.inequalities.push_back(add(length, c.constant(-1)));
    if (options.maxQueries)
      c.inequalities.push_back(
          add(c.constant(*options.maxQueries), queries, -1));
    if (options.keysReachTile)
      c.inequalities.push_back(add(length, q1, -1));
    return c;
  }

  /// The context and 0 <= kv < L for dim `kv`.
  Conjunct keys(unsigned numDims, unsigned kv) {
    Conjunct c = context(numDims);
    Row key = c.variable(kv), length = c.variable(numDims + TileBounds::length);
    c.inequalities.push_back(key);
    c.inequalities.push_back(add(add(length, key, -1), c.constant(-1)));
    return c;
  }

  /// All (q, kv) of the tile.
  Conjunct tile() {
    Conjunct c = keys(2, 1);
    Row q = c.variable(0), q0 = c.variable(2 + TileBounds::q0),
        q1 = c.variable(2 + TileBounds::q1);
    c.inequalities.push_back(add(q, q0, -1));
    c.inequalities.push_back(add(add(q1, q, -1), c.constant(-1)));
    return c;
  }

  /// The mask's set with the tile's symbols put before its own.
  static IntegerUnion inTile(const IntegerUnion &set) {
    return set.withSymbols(0, TileBounds::firstMaskSymbol);
  }

  /// Keys that some query of the tile sees.
  IntegerUnion neededKeys() {
    return exact.project(
        exact.intersect(inTile(mask.atMost()), IntegerUnion(tile())), 0, 1);
  }

  /// Keys that every query of the tile sees: those that no query lacks.
  IntegerUnion fullKeys() {
    IntegerUnion lacking = exact.project(
        exact.subtract(IntegerUnion(tile()), inTile(mask.atLeast())), 0, 1);
    return exact.subtract(IntegerUnion(keys(1, 0)), lacking);
  }

  static bool isInterval(const Conjunct &c) {
    auto bound = [&](const Row &row) { return isIntervalRow(c, row); };
    return llvm::all_of(c.equalities, bound) &&
           llvm::all_of(c.inequalities, bound);
  }

  /// `set` without the conditions that are no bound of kv: intervals around it.
  IntegerUnion widenToIntervals(const IntegerUnion &set) {
    IntegerUnion result(1, numSymbols);
    for (const Conjunct &c : set.disjuncts) {
      Conjunct wide = c;
      auto noBound = [&](const Row &row) { return !isIntervalRow(c, row); };
      llvm::erase_if(wide.equalities, noBound);
      llvm::erase_if(wide.inequalities, noBound);
      wide.intersect(keys(1, 0));
      result.disjuncts.push_back(std::move(wide));
    }
    return result;
  }

  IntegerUnion dropFiltered(IntegerUnion set) {
    llvm::erase_if(set.disjuncts,
                   [](const Conjunct &c) { return !isInterval(c); });
    return set;
  }

  /// Few and disjoint.
  IntegerUnion tidy(const IntegerUnion &set) {
    return exact.merge(exact.disjoint(exact.merge(set)));
  }

  SmallVector<KeyRange> loops(const IntegerUnion &set) {
    return toKeyRanges(exact, mask.getContext(), set, context(1),
                       TileBounds::length);
  }

  /// needed = all keys, full = none: right for every mask.
  TileBounds everything(std::string reason) {
    TileBounds bounds = start();
    Conjunct all(1, numSymbols);
    bounds.needed.push_back(
        toKeyRange(mask.getContext(), all, TileBounds::length));
    bounds.partial = bounds.needed;
    bounds.exact = false;
    bounds.reason = std::move(reason);
    return bounds;
  }

  TileBounds start() {
    TileBounds bounds;
    bounds.names = {"q0", "q1", "L"};
    for (const MaskSymbol &symbol : mask.getSymbols())
      bounds.names.push_back(symbol.name);
    return bounds;
  }

  TileBounds solve() {
    TileBounds bounds = start();
    bounds.exact = mask.isExact();
    bounds.reason = mask.whyNotExact();
    IntegerUnion needed = neededKeys(), full = fullKeys();
    if (!options.filters) {
      IntegerUnion intervals = dropFiltered(full);
      bool widened = !llvm::all_of(needed.disjuncts, isInterval),
           shrunk = intervals.disjuncts.size() < full.disjuncts.size();
      if (widened)
        needed = widenToIntervals(needed);
      full = intervals;
      if (widened || shrunk) {
        bounds.exact = false;
        bounds.reason += bounds.reason.empty() ? "" : "; ";
        bounds.reason += StrideReason;
      }
    }
    needed = tidy(needed);
    full = tidy(full);
    IntegerUnion partial = tidy(exact.subtract(needed, full));
    bounds.needed = loops(needed);
    bounds.full = loops(full);
    bounds.partial = loops(partial);
    auto filtered = [](const KeyRange &range) {
      return range.filter.has_value();
    };
    if (exact.exhausted() ||
        (!options.filters && llvm::any_of(bounds.partial, filtered)))
      return everything(
          "the mask is too complex for exact bounds: the range is all keys");
    return bounds;
  }
};
} // namespace

namespace {
/// Which constraints of a disjunct over (q, kv) are hard to bound keys by: a
/// remainder reads a position twice, within a division and beside it, and a
/// division of such has no bound either.
struct HardRows {
  const Conjunct &c;

  bool readsPosition(const Row &row) const {
    return row[0] != 0 || row[1] != 0;
  }
  /// A division that reads a position through another.
  bool isNested(unsigned division) const {
    const Row &dividend = c.divisions[division].dividend;
    for (unsigned d = 0; d < division; ++d)
      if (at(dividend, c.divisionColumn(d)) != 0 &&
          (isNested(d) || readsPosition(c.divisions[d].dividend)))
        return true;
    return false;
  }
  bool operator()(const Row &row) const {
    int64_t uses[2] = {row[0] != 0, row[1] != 0};
    for (unsigned d = 0; d < c.divisions.size(); ++d) {
      if (at(row, c.divisionColumn(d)) == 0)
        continue;
      if (isNested(d))
        return true;
      for (unsigned v : {0, 1})
        uses[v] += c.divisions[d].dividend[v] != 0;
    }
    return uses[0] > 1 || uses[1] > 1;
  }
};

/// The mask between two sets without hard constraints: all that they might
/// allow, and none of it. nullopt where there is none.
std::optional<MaskSet> withoutHardRows(const MaskSet &mask) {
  IntegerUnion lower = mask.atLeast(), upper = mask.atMost();
  bool any = false;
  auto hasHard = [](const Conjunct &c) {
    return llvm::any_of(c.equalities, HardRows{c}) ||
           llvm::any_of(c.inequalities, HardRows{c});
  };
  llvm::erase_if(lower.disjuncts, hasHard);
  for (Conjunct &c : upper.disjuncts) {
    any |= hasHard(c);
    HardRows hard{c};
    llvm::erase_if(c.equalities, hard);
    llvm::erase_if(c.inequalities, hard);
  }
  if (!any)
    return std::nullopt;
  return MaskSet::between(mask.getContext(), mask.getSymbols(), lower, upper,
                          StrideReason);
}
} // namespace

TileBounds heed::masks::computeTileBounds(const MaskSet &mask,
                                          const TileOptions &options) {
  if (!options.filters)
    if (std::optional<MaskSet> simple = withoutHardRows(mask)) {
      TileBounds bounds = TileProblem(*simple, options).solve();
      if (!mask.isExact())
        bounds.reason += "; " + mask.whyNotExact();
      return bounds;
    }
  return TileProblem(mask, options).solve();
}

void TileBounds::print(llvm::raw_ostream &os) const {
  auto list = [&](const char *title, ArrayRef<KeyRange> ranges) {
    os << title;
    if (ranges.empty())
      os << " none";
    for (const KeyRange &range : ranges) {
      os << " ";
      range.print(os, names);
    }
    os << "\n";
  };
  list("needed: ", needed);
  list("full:   ", full);
  list("partial:", partial);
  if (!exact)
    os << "not exact: " << reason << "\n";
}
