#include "tools/heed/VerifyLengths.h"

#include "passes/masks/MaskSet.h"

#include "llvm/ADT/SmallVectorExtras.h"

using namespace heed;
using namespace heed::attn;
using namespace heed::masks;
using namespace mlir;

namespace {
/// The mask over (q, kv) and its symbols, with q_len and kv_len added where it
/// has none, and room for a second pair of lengths.
struct WithLengths {
  MaskAttr mask;
  SmallVector<MaskSymbol> symbols;
  unsigned queries, keys, otherQueries, otherKeys;
  bool readsLengths = false;

  explicit WithLengths(MaskAttr mask) : mask(mask) {
    std::optional<unsigned> q, kv;
    for (auto [i, symbol] : llvm::enumerate(mask.getSymbols())) {
      symbols.push_back({symbol.getName().str(), symbol.isOpaque()
                                                     ? MaskSymbol::Opaque
                                                     : MaskSymbol::Parameter});
      if (!symbol.getTable().getValue().empty())
        continue;
      if (symbol.getName().getValue() == "q_len")
        q = i;
      if (symbol.getName().getValue() == "kv_len")
        kv = i;
    }
    readsLengths = q || kv;
    auto fresh = [&](const char *name) {
      symbols.push_back({name, MaskSymbol::Parameter, 1});
      return unsigned(symbols.size() - 1);
    };
    queries = q ? *q : fresh("q_len");
    keys = kv ? *kv : fresh("kv_len");
    otherQueries = fresh("other q_len");
    otherKeys = fresh("other kv_len");
  }

  AffineExpr symbol(unsigned i) const {
    return getAffineSymbolExpr(i, mask.getContext());
  }

  /// With kv and the lengths replaced.
  std::optional<MaskSet> set(AffineExpr kv, bool others,
                             std::string &error) const {
    MLIRContext *context = mask.getContext();
    SmallVector<AffineExpr> values;
    for (unsigned s = 0; s < symbols.size(); ++s)
      values.push_back(symbol(s));
    if (others) {
      values[queries] = symbol(otherQueries);
      values[keys] = symbol(otherKeys);
    }
    auto sets = llvm::map_to_vector(mask.getDisjuncts(), [&](IntegerSet set) {
      return set.replaceDimsAndSymbols(
          {getAffineDimExpr(0, context), kv},
          ArrayRef(values).take_front(set.getNumSymbols()), 2, symbols.size());
    });
    return MaskSet::get(context, sets, symbols, error);
  }
};

/// low <= value, as a row.
Row atLeast(const Conjunct &c, unsigned value, unsigned low) {
  return add(c.variable(value), c.variable(low), -1);
}
/// value < high, as a row.
Row below(const Conjunct &c, unsigned value, unsigned high) {
  return add(add(c.variable(high), c.variable(value), -1), c.constant(-1));
}
} // namespace

std::string heed::lengthDependence(MaskOp op) {
  WithLengths with(op.getMask());
  if (!with.readsLengths)
    return "";
  std::string error;
  AffineExpr kv = getAffineDimExpr(1, op.getContext());
  std::optional<MaskSet> one = with.set(kv, false, error),
                         other = with.set(kv, true, error);
  if (!one || !other)
    return error;
  // 0 <= q, kv < both numbers of keys; a call has its queries among its keys.
  Conjunct calls(2, with.symbols.size());
  for (unsigned dim : {0u, 1u}) {
    calls.inequalities.push_back(calls.variable(dim));
    for (unsigned keys : {with.keys, with.otherKeys})
      calls.inequalities.push_back(below(calls, dim, 2 + keys));
  }
  calls.inequalities.push_back(atLeast(calls, 2 + with.keys, 2 + with.queries));
  calls.inequalities.push_back(
      atLeast(calls, 2 + with.otherKeys, 2 + with.otherQueries));
  for (unsigned length : {with.queries, with.otherQueries})
    calls.inequalities.push_back(
        add(calls.variable(2 + length), calls.constant(1), -1));
  Exact exact;
  IntegerUnion differ =
      exact.subtract(exact.intersect(one->atMost(), calls), other->atLeast());
  std::optional<SmallVector<int64_t>> point = exact.least(differ);
  if (exact.exhausted())
    return "not proved to be the same for all lengths: too complex";
  if (!point)
    return "";
  auto at = [&](unsigned i) { return std::to_string((*point)[i]); };
  return "the mask depends on the lengths of the call: q = " + at(0) +
         " sees kv = " + at(1) + " with q_len = " + at(2 + with.queries) +
         ", kv_len = " + at(2 + with.keys) +
         " and not with q_len = " + at(2 + with.otherQueries) +
         ", kv_len = " + at(2 + with.otherKeys);
}

std::string heed::alignmentFault(MaskOp op, bool atEnd, bool ownKey) {
  WithLengths with(op.getMask());
  MLIRContext *context = op.getContext();
  AffineExpr q = getAffineDimExpr(0, context),
             kv = getAffineDimExpr(1, context);
  AffineExpr own =
      atEnd ? q + with.symbol(with.keys) - with.symbol(with.queries) : q;
  std::string error;
  std::optional<MaskSet> sees = with.set(own, false, error),
                         all = with.set(kv, false, error);
  if (!sees || !all)
    return error;
  // 0 <= q < q_len <= kv_len, 0 <= kv < kv_len.
  unsigned queries = 2 + with.queries, keys = 2 + with.keys;
  Conjunct rows(2, with.symbols.size());
  for (unsigned dim : {0u, 1u})
    rows.inequalities.push_back(rows.variable(dim));
  rows.inequalities.push_back(below(rows, 0, queries));
  rows.inequalities.push_back(below(rows, 1, keys));
  rows.inequalities.push_back(atLeast(rows, keys, queries));
  // kv - q - past - 1 >= 0.
  Row ahead =
      add(add(rows.variable(1), rows.variable(0), -1), rows.constant(-1));
  if (atEnd)
    ahead = add(add(ahead, rows.variable(keys), -1), rows.variable(queries));
  Conjunct beyond = rows;
  beyond.inequalities.push_back(ahead);

  Exact exact;
  std::optional<SmallVector<int64_t>> blind =
      exact.least(exact.subtract(rows, sees->atLeast()));
  std::optional<SmallVector<int64_t>> early =
      exact.least(exact.intersect(all->atMost(), beyond));
  if (exact.exhausted())
    return "not proved: too complex";
  auto text = [&](const SmallVector<int64_t> &point) {
    return " with q_len = " + std::to_string(point[queries]) +
           ", kv_len = " + std::to_string(point[keys]);
  };
  auto position = [&](const SmallVector<int64_t> &point) {
    return point[0] + (atEnd ? point[keys] - point[queries] : 0);
  };
  if (early)
    return "q = " + std::to_string((*early)[0]) + " stands at position " +
           std::to_string(position(*early)) +
           " and sees kv = " + std::to_string((*early)[1]) + text(*early);
  if (blind && ownKey)
    return "q = " + std::to_string((*blind)[0]) + " stands at position " +
           std::to_string(position(*blind)) +
           " and does not see the key there" + text(*blind);
  return "";
}
