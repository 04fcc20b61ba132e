#include "passes/masks/RowCoverage.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

RowCoverage heed::masks::computeRowCoverage(const MaskSet &mask, RowFacts facts,
                                            int64_t allowance) {
  Exact exact(allowance);
  RowCoverage result;
  result.names = {"L"};
  std::optional<unsigned> queries; // symbol q_len
  for (auto [i, symbol] : llvm::enumerate(mask.getSymbols())) {
    result.names.push_back(symbol.name);
    if (symbol.kind == MaskSymbol::QueryLength && facts.counted)
      queries = RowCoverage::firstMaskSymbol + i;
  }
  if (facts.aligned && facts.counted && !facts.amongKeys)
    result.assumed = "q_len <= L";
  // Where the mask does not say how many queries there are, they are as many as
  // that lets.
  std::optional<unsigned> end = queries;
  if (facts.amongKeys || (!queries && !result.assumed.empty()))
    end = RowCoverage::length;

  auto known = [&](unsigned numDims) {
    Conjunct c = mask.knownOfSymbols(numDims, RowCoverage::firstMaskSymbol,
                                     RowCoverage::length);
    Row length = c.variable(numDims + RowCoverage::length);
    c.inequalities.push_back(add(length, c.constant(-1)));
    if (queries) {
      Row more = add(length, c.variable(numDims + *queries), -1);
      if (facts.sameRows)
        c.equalities.push_back(more);
      else if (facts.amongKeys || facts.aligned)
        c.inequalities.push_back(more);
    }
    return c;
  };
  Conjunct rows = known(1);
  Row q = rows.variable(0);
  rows.inequalities.push_back(q);
  if (end)
    rows.inequalities.push_back(
        add(add(rows.variable(1 + *end), q, -1), rows.constant(-1)));

  auto withoutKey = [&](const IntegerUnion &set) {
    Conjunct box = rows.withDims(1, 1);
    Row kv = box.variable(1);
    box.inequalities.push_back(kv);
    box.inequalities.push_back(add(
        add(box.variable(2 + RowCoverage::length), kv, -1), box.constant(-1)));
    IntegerUnion allowed =
        exact.intersect(set.withSymbols(0, RowCoverage::firstMaskSymbol), box);
    return exact.subtract(rows, exact.project(allowed, 1, 1));
  };
  IntegerUnion maybe = withoutKey(mask.atLeast());
  IntegerUnion surely = mask.isExact() ? maybe : withoutKey(mask.atMost());
  IntegerUnion &shown = surely.disjuncts.empty() ? maybe : surely;
  shown = exact.merge(exact.disjoint(exact.merge(shown)));
  result.empty = toKeyRanges(exact, mask.getContext(), shown, known(1), end);
  if (exact.exhausted()) {
    result.empty.clear();
    result.reason = "the mask is too complex";
  } else if (maybe.disjuncts.empty()) {
    result.verdict = Verdict::Holds;
  } else if (!surely.disjuncts.empty()) {
    result.verdict = Verdict::Fails;
  } else {
    result.reason = mask.whyNotExact();
  }
  return result;
}

void RowCoverage::print(llvm::raw_ostream &os) const {
  std::string where = assumed.empty() ? "" : ", where " + assumed;
  if (verdict == Verdict::Holds) {
    os << "every row sees a key" << where;
    return;
  }
  if (verdict == Verdict::Unknown)
    os << "not proved, " << reason;
  if (empty.empty())
    return;
  os << (verdict == Verdict::Unknown ? ": rows " : "rows ");
  llvm::interleave(
      empty, os, [&](const KeyRange &range) { range.print(os, names, "q"); },
      " and ");
  os << (verdict == Verdict::Unknown ? " may see no key" : " see no key")
     << where;
}
