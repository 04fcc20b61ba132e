//===- TileTest.cpp - Whether a tile may hold a pair that a mask allows ---===//
#include "ir/TileTest.h"

using namespace mlir;

namespace heed::attn {

/// Whether the constraint divides a position.
static bool dividesPosition(AffineExpr constraint) {
  bool divides = false;
  constraint.walk([&](AffineExpr part) {
    bool division = part.getKind() == AffineExprKind::FloorDiv ||
                    part.getKind() == AffineExprKind::CeilDiv ||
                    part.getKind() == AffineExprKind::Mod;
    divides |= division && (part.isFunctionOfDim(0) || part.isFunctionOfDim(1));
  });
  return divides;
}

bool asksTiles(MaskAttr mask, TileBoundsAttr bounds, int64_t keys) {
  if (!bounds || bounds.getExact())
    return false;
  KnownArithmetic known;
  SmallVector<std::optional<KnownArithmetic::Value>> symbols;
  for (MaskSymbolAttr symbol : mask.getSymbols())
    symbols.push_back(symbol.isOpaque()
                          ? std::nullopt
                          : std::optional(KnownArithmetic::Value()));
  // A tile of so many keys may always meet all that divides.
  auto isMet = [&](IntegerSet set) {
    SmallVector<AffineExpr> constraints = {
        getAffineConstantExpr(0, mask.getContext())};
    SmallVector<bool> equalities = {true};
    for (unsigned i = 0; i < set.getNumConstraints(); ++i)
      if (dividesPosition(set.getConstraint(i))) {
        constraints.push_back(set.getConstraint(i));
        equalities.push_back(set.isEq(i));
      }
    auto part = MaskAttr::get(
        mask.getContext(), mask.getSymbols(),
        IntegerSet::get(2, set.getNumSymbols(), constraints, equalities));
    KnownArithmetic::Value any;
    return TileTest<KnownArithmetic>(known, part, symbols)
               .mayMeet(any, any, any, any, keys) == true;
  };
  return !llvm::all_of(mask.getDisjuncts(), isMet);
}

int64_t countVisitedKeys(int64_t from, int64_t to, int64_t keys,
                         function_ref<bool(int64_t, int64_t)> mayMeet) {
  int64_t visited = 0;
  auto may = [&](int64_t k, int64_t size) {
    return mayMeet(k, std::min(k + size, to));
  };
  for (int64_t k = from, size = kMostKeysAsked; k < to;) {
    if (!may(k, size)) {
      k += size;
      size = std::min(2 * size, kMostKeysAsked);
    } else if (size > 1) {
      size /= 2;
    } else {
      int64_t end = k + keys;
      while (end < to && may(end, keys))
        end += keys;
      visited += std::min(end, to) - k;
      k = end;
      size = kMostKeysAsked;
    }
  }
  return visited;
}

} // namespace heed::attn
