#include "passes/masks/FlowRelation.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

/// out >= 0, in >= 0.
static Conjunct positions(unsigned numSymbols) {
  Conjunct c(2, numSymbols);
  c.inequalities.push_back(c.variable(0));
  c.inequalities.push_back(c.variable(1));
  return c;
}

MaskSet heed::masks::everythingFlow(MLIRContext *context) {
  IntegerUnion all(positions(0));
  return MaskSet::between(context, {}, all, all, "");
}

MaskSet heed::masks::shiftFlow(MLIRContext *context, int64_t by) {
  Conjunct c = positions(0);
  c.equalities.push_back(
      add(add(c.variable(0), c.constant(by)), c.variable(1), -1));
  IntegerUnion shift(c);
  return MaskSet::between(context, {}, shift, shift, "");
}

MaskSet heed::masks::identityFlow(MLIRContext *context) {
  return shiftFlow(context, 0);
}

namespace {
/// Two flows over one list of symbols.
struct Aligned {
  SmallVector<MaskSymbol> symbols;
  IntegerUnion lowerA, upperA, lowerB, upperB;
  std::string reason;

  Aligned(const MaskSet &a, const MaskSet &b)
      : symbols(merge(a.getSymbols(), b.getSymbols())),
        lowerA(widen(a, a.atLeast())), upperA(widen(a, a.atMost())),
        lowerB(widen(b, b.atLeast())), upperB(widen(b, b.atMost())),
        reason(a.isExact() ? b.whyNotExact() : a.whyNotExact()) {}

  /// Parameters of both; look-ups per token are already left out of the sets.
  static SmallVector<MaskSymbol> merge(ArrayRef<MaskSymbol> a,
                                       ArrayRef<MaskSymbol> b) {
    SmallVector<MaskSymbol> result;
    for (ArrayRef<MaskSymbol> list : {a, b})
      for (const MaskSymbol &symbol : list)
        if (symbol.kind != MaskSymbol::Opaque &&
            llvm::none_of(result, [&](const MaskSymbol &known) {
              return known.name == symbol.name;
            }))
          result.push_back(symbol);
    return result;
  }

  IntegerUnion widen(const MaskSet &flow, const IntegerUnion &set) const {
    IntegerUnion result(2, symbols.size());
    for (const Conjunct &c : set.disjuncts) {
      Conjunct wide = c.withSymbolsAt(symbols.size(), [&](unsigned s) {
        const std::string &name = flow.getSymbols()[s].name;
        return llvm::find_if(symbols,
                             [&](const MaskSymbol &symbol) {
                               return symbol.name == name;
                             }) -
               symbols.begin();
      });
      wide.intersect(positions(symbols.size()));
      result.disjuncts.push_back(std::move(wide));
    }
    return result;
  }
};
} // namespace

MaskSet heed::masks::unite(const MaskSet &a, const MaskSet &b) {
  Aligned both(a, b);
  llvm::append_range(both.lowerA.disjuncts, both.lowerB.disjuncts);
  llvm::append_range(both.upperA.disjuncts, both.upperB.disjuncts);
  return MaskSet::between(a.getContext(), both.symbols, both.lowerA,
                          both.upperA, both.reason);
}

MaskSet heed::masks::intersect(const MaskSet &a, const MaskSet &b) {
  Aligned both(a, b);
  Exact exact;
  IntegerUnion lower = exact.intersect(both.lowerA, both.lowerB),
               upper = exact.intersect(both.upperA, both.upperB);
  if (!exact.exhausted())
    return MaskSet::between(a.getContext(), both.symbols, lower, upper,
                            both.reason);
  return MaskSet::between(a.getContext(), both.symbols,
                          IntegerUnion(2, both.symbols.size()), both.upperA,
                          "two masks together are too complex");
}

MaskSet heed::masks::shorten(const MaskSet &flow, int64_t allowance) {
  Exact exact(allowance);
  IntegerUnion upper = exact.merge(flow.atMost());
  IntegerUnion lower = flow.isExact() ? upper : exact.merge(flow.atLeast());
  if (exact.exhausted())
    return flow;
  return MaskSet::between(flow.getContext(), flow.getSymbols(), lower, upper,
                          flow.whyNotExact());
}

MaskSet heed::masks::within(const MaskSet &flow, std::optional<int64_t> outs,
                            std::optional<int64_t> ins) {
  unsigned numSymbols = flow.getSymbols().size();
  Conjunct exist = positions(numSymbols);
  for (auto [dim, size] : {std::pair(0u, outs), std::pair(1u, ins)})
    if (size)
      exist.inequalities.push_back(
          add(exist.constant(*size - 1), exist.variable(dim), -1));
  auto both = [&](IntegerUnion set) {
    for (Conjunct &c : set.disjuncts)
      c.intersect(exist);
    return set;
  };
  return MaskSet::between(flow.getContext(), flow.getSymbols(),
                          both(flow.atLeast()), both(flow.atMost()),
                          flow.whyNotExact());
}

MaskSet heed::masks::compose(const MaskSet &outer, const MaskSet &inner,
                             int64_t allowance) {
  Exact exact(allowance);
  Aligned both(outer, inner);
  // Dims (out, mid, in).
  auto through = [&](const IntegerUnion &a, const IntegerUnion &b) {
    IntegerUnion paths = exact.intersect(a.withDims(2, 1), b.withDims(0, 1));
    return exact.merge(exact.project(paths, 1, 1));
  };
  IntegerUnion upper = through(both.upperA, both.upperB);
  IntegerUnion lower =
      both.reason.empty() ? upper : through(both.lowerA, both.lowerB);
  if (exact.exhausted()) {
    unsigned numSymbols = both.symbols.size();
    return MaskSet::between(outer.getContext(), both.symbols,
                            IntegerUnion(2, numSymbols),
                            IntegerUnion(positions(numSymbols)),
                            "the composition of masks is too complex");
  }
  return MaskSet::between(outer.getContext(), both.symbols, lower, upper,
                          both.reason);
}

MaskSet heed::masks::repeat(const MaskSet &flow, unsigned layers,
                            int64_t allowance) {
  if (layers <= 1)
    return flow;
  MaskSet half = repeat(flow, layers / 2, allowance);
  MaskSet even = compose(half, half, allowance);
  return layers % 2 ? compose(even, flow, allowance) : even;
}

ReceptiveField heed::masks::computeReceptiveField(const MaskSet &flow,
                                                  int64_t allowance) {
  Exact exact(allowance);
  ReceptiveField result;
  result.exact = flow.isExact();
  result.reason = flow.whyNotExact();
  result.names = {"out"};
  for (const MaskSymbol &symbol : flow.getSymbols())
    result.names.push_back(symbol.name);
  Conjunct known = flow.knownOfSymbols(1, 1);
  known.inequalities.push_back(known.variable(1));
  Conjunct in(1, known.numSymbols);
  in.inequalities.push_back(in.variable(0));

  IntegerUnion rows(1, known.numSymbols);
  for (const Conjunct &c : flow.atMost().disjuncts) {
    Conjunct row = c.withFirstDimAsSymbol();
    row.intersect(in);
    rows.disjuncts.push_back(std::move(row));
  }
  rows = exact.intersect(rows, known);
  rows = exact.merge(exact.disjoint(exact.merge(rows)));
  result.ranges =
      toKeyRanges(exact, flow.getContext(), rows, known, std::nullopt);
  if (exact.exhausted()) {
    result.ranges = {toKeyRange(flow.getContext(), in, std::nullopt)};
    result.exact = false;
    result.reason = "the flow is too complex";
  }
  return result;
}

void ReceptiveField::print(llvm::raw_ostream &os) const {
  if (ranges.empty())
    os << "nothing";
  llvm::interleave(
      ranges, os, [&](const KeyRange &range) { range.print(os, names, "in"); },
      " and ");
  if (!exact)
    os << " (at most; " << reason << ")";
}

std::optional<SmallVector<int64_t>>
heed::masks::findPath(ArrayRef<MaskSet> flows, int64_t out, int64_t in,
                      const SymbolValues &symbols, int64_t allowance) {
  Exact exact(allowance);
  // Each flow at these parameters, over (out, in) alone.
  std::vector<IntegerUnion> fixed;
  for (const MaskSet &flow : flows) {
    unsigned numSymbols = flow.getSymbols().size();
    Conjunct values = positions(numSymbols);
    for (auto [s, symbol] : llvm::enumerate(flow.getSymbols()))
      if (auto value = symbols.find(symbol.name); value != symbols.end())
        values.equalities.push_back(
            add(values.variable(2 + s), values.constant(value->second), -1));
    IntegerUnion here = exact.intersect(flow.atLeast(), values);
    IntegerUnion positionsOnly(2, 0);
    for (const Conjunct &c : here.disjuncts)
      positionsOnly.disjuncts.push_back(c.withSymbolsAsDims());
    fixed.push_back(numSymbols ? exact.project(positionsOnly, 2, numSymbols)
                               : positionsOnly);
  }
  // suffix[i]: positions from which flows i, i + 1, ... lead to `in`.
  Conjunct target(1, 0);
  target.equalities.push_back(add(target.variable(0), target.constant(in), -1));
  std::vector<IntegerUnion> suffix(flows.size() + 1, IntegerUnion(target));
  for (unsigned i = flows.size(); i-- > 0;)
    suffix[i] = exact.merge(exact.project(
        exact.intersect(fixed[i], suffix[i + 1].withDims(0, 1)), 1, 1));

  SmallVector<int64_t> path = {out};
  for (unsigned i = 0; i < flows.size(); ++i) {
    Conjunct start(2, 0);
    start.equalities.push_back(
        add(start.variable(0), start.constant(path.back()), -1));
    IntegerUnion next = exact.intersect(exact.intersect(fixed[i], start),
                                        suffix[i + 1].withDims(0, 1));
    std::optional<SmallVector<int64_t>> step = exact.least(next);
    if (!step)
      return std::nullopt;
    path.push_back((*step)[1]);
  }
  return path;
}
