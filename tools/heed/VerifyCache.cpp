#include "tools/heed/VerifyCache.h"

#include "passes/MaskFlow.h"

#include "llvm/Support/MathExtras.h"

using namespace heed;
using namespace mlir;
using masks::KeyRange;
using masks::MaskSymbol;

namespace {
/// What is known of a value; an end that is absent has no bound.
struct Interval {
  std::optional<int64_t> min, max;
  bool isPoint() const { return min && min == max; }
};
using End = std::optional<int64_t>;

End sum(End a, End b) {
  int64_t result;
  if (!a || !b || llvm::AddOverflow(*a, *b, result))
    return std::nullopt;
  return result;
}
End times(End a, int64_t factor) {
  int64_t result;
  if (!a || llvm::MulOverflow(*a, factor, result))
    return std::nullopt;
  return result;
}

/// Of an affine expression over symbols. By interval arithmetic: never too
/// small.
Interval intervalOf(AffineExpr e, ArrayRef<Interval> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(e))
    return {constant.getValue(), constant.getValue()};
  if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
    return symbols[symbol.getPosition()];
  auto binary = dyn_cast<AffineBinaryOpExpr>(e);
  if (!binary)
    return {};
  Interval a = intervalOf(binary.getLHS(), symbols),
           b = intervalOf(binary.getRHS(), symbols);
  if (e.getKind() == AffineExprKind::Add)
    return {sum(a.min, b.min), sum(a.max, b.max)};
  if (e.getKind() == AffineExprKind::Mul && !b.isPoint())
    std::swap(a, b);
  if (!b.isPoint())
    return {};
  int64_t by = *b.min;
  auto divided = [&](int64_t (*divide)(int64_t, int64_t)) {
    return Interval{a.min ? End(divide(*a.min, by)) : End(),
                    a.max ? End(divide(*a.max, by)) : End()};
  };
  switch (e.getKind()) {
  case AffineExprKind::Mul:
    return by < 0 ? Interval{times(a.max, by), times(a.min, by)}
                  : Interval{times(a.min, by), times(a.max, by)};
  case AffineExprKind::FloorDiv:
    return by > 0 ? divided(llvm::divideFloorSigned) : Interval();
  case AffineExprKind::CeilDiv:
    return by > 0 ? divided(llvm::divideCeilSigned) : Interval();
  case AffineExprKind::Mod:
    return by > 0 ? Interval{0, by - 1} : Interval();
  default:
    return {};
  }
}

/// A number that no range's end is above, at least 0.
End endOf(ArrayRef<KeyRange> ranges, ArrayRef<Interval> symbols) {
  int64_t largest = 0;
  for (const KeyRange &range : ranges) {
    if (llvm::all_of(symbols, [](const Interval &s) { return s.isPoint(); })) {
      SmallVector<int64_t> values;
      for (const Interval &symbol : symbols)
        values.push_back(*symbol.min);
      auto [begin, end] = range.bounds(values);
      largest = std::max(largest, begin < end ? end : 0);
      continue;
    }
    End end;
    for (AffineExpr e : range.upper.getResults())
      if (End each = intervalOf(e, symbols).max)
        end = std::min(end.value_or(*each), *each);
    if (!end)
      return std::nullopt;
    largest = std::max(largest, *end);
  }
  return largest;
}
} // namespace

std::string heed::cacheFault(const MaskUse &use, int64_t most) {
  if (!use.set || !use.cache.bounded)
    return "no bound of the keys that later queries see: " +
           (use.set ? use.cache.reason : use.error);
  attn::MaskOp op = use.op;
  std::vector<SmallVector<int64_t>> byHead = valuesByHead(op, op.getMask());
  size_t heads = 1;
  for (const SmallVector<int64_t> &values : byHead)
    heads = std::max(heads, values.size());
  int64_t ring = 0, pinned = 0;
  bool sure = true; // that a query sees so many
  for (size_t h = 0; h < heads; ++h) {
    SmallVector<Interval> symbols;
    for (auto [symbol, values] : llvm::zip(use.set->getSymbols(), byHead)) {
      symbols.push_back(values.empty() ? Interval{symbol.min, symbol.max}
                                       : Interval{values[h], values[h]});
      sure &= symbols.back().isPoint();
    }
    End ringEnd = endOf(use.cache.ring, symbols),
        pinnedEnd = endOf(use.cache.pinned, symbols);
    if (!ringEnd || !pinnedEnd) {
      std::string open;
      for (auto [symbol, known] : llvm::zip(use.set->getSymbols(), symbols))
        if (!known.isPoint() && symbol.kind != MaskSymbol::Opaque)
          open += (open.empty() ? "`" : ", `") + symbol.name + "`";
      return "not proved: later queries see " + printed(use.cache) +
             ", and of " + open + " no bound is known";
    }
    ring = std::max(ring, *ringEnd - 1);
    pinned = std::max(pinned, *pinnedEnd);
  }
  End keys = sum(ring, pinned);
  if (keys && *keys <= most)
    return "";
  return (sure ? "later queries see up to "
               : "not proved: later queries may see up to ") +
         (keys ? std::to_string(*keys) : "any number of") +
         " past keys: " + printed(use.cache);
}
