#include "passes/masks/Causality.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

Causality heed::masks::computeCausality(const MaskSet &mask,
                                        int64_t allowance) {
  Exact exact(allowance);
  Causality result;
  for (const MaskSymbol &symbol : mask.getSymbols())
    result.names.push_back(symbol.kind == MaskSymbol::Opaque ? ""
                                                             : symbol.name);

  Conjunct ahead = mask.knownOfSymbols(2);
  Row q = ahead.variable(0), kv = ahead.variable(1);
  ahead.inequalities.push_back(q);
  ahead.inequalities.push_back(add(add(kv, q, -1), ahead.constant(-1)));

  IntegerUnion maybe = exact.intersect(mask.atMost(), ahead);
  IntegerUnion surely = exact.intersect(mask.atLeast(), ahead);
  if (maybe.disjuncts.empty() && !exact.exhausted()) {
    result.verdict = Verdict::Holds;
    result.firstChunk.emplace();
    return result;
  }
  if (std::optional<SmallVector<int64_t>> point = exact.least(surely)) {
    result.verdict = Verdict::Fails;
    result.counterexample =
        LookAhead{(*point)[0], (*point)[1],
                  SmallVector<int64_t>(ArrayRef(*point).drop_front(2))};
  }
  IntegerUnion seen = exact.merge(exact.project(maybe, 0, 1));
  SmallVector<KeyRange> ranges = toKeyRanges(
      exact, mask.getContext(), seen, mask.knownOfSymbols(1), std::nullopt);
  bool bounded = llvm::all_of(
      ranges, [](const KeyRange &r) { return r.upper.getNumResults() > 0; });
  if (exact.exhausted()) {
    result.verdict = Verdict::Unknown;
    result.reason = "the mask is too complex";
    return result;
  }
  if (bounded)
    result.firstChunk = std::move(ranges);
  if (result.verdict == Verdict::Unknown)
    result.reason = mask.whyNotExact();
  return result;
}

std::optional<int64_t>
Causality::leastFirstChunk(ArrayRef<int64_t> symbols) const {
  if (!firstChunk)
    return std::nullopt;
  int64_t least = 1;
  for (const KeyRange &range : *firstChunk) {
    auto [begin, end] = range.bounds(symbols);
    if (begin < end)
      least = std::max(least, end);
  }
  return least;
}

void Causality::print(llvm::raw_ostream &os) const {
  if (verdict == Verdict::Holds) {
    os << "causal";
    return;
  }
  if (verdict == Verdict::Unknown) {
    os << "not proved causal, " << reason;
  } else {
    os << "not causal: q = " << counterexample->q
       << " sees kv = " << counterexample->kv;
    for (auto [name, value] : llvm::zip(names, counterexample->symbols))
      if (!name.empty())
        os << ", " << name << " = " << value;
  }
  if (!firstChunk)
    return;
  os << "; cacheable when the first chunk reaches ";
  llvm::interleave(
      *firstChunk, os,
      [&](const KeyRange &range) { printUpper(os, range, names); }, " and ");
}
