//===- TableConditions.cpp - What a mask asks of per-token tables ---------===//
#include "ir/TableConditions.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"

using namespace mlir;

namespace heed::attn {

/// Linear in the symbols alone, with at most one table by query and one by key.
static bool isCondition(AffineExpr expr, ArrayRef<MaskSymbolAttr> symbols) {
  if (expr.isFunctionOfDim(0) || expr.isFunctionOfDim(1))
    return false;
  unsigned byQuery = 0, byKey = 0;
  for (auto [i, symbol] : llvm::enumerate(symbols)) {
    if (!expr.isFunctionOfSymbol(i))
      continue;
    byQuery += symbol.getIndex() == SymbolIndex::Query;
    byKey += symbol.getIndex() == SymbolIndex::Key;
  }
  if (byQuery > 1 || byKey > 1 || byQuery + byKey == 0)
    return false;
  SmallVector<int64_t> flat;
  FlatLinearConstraints divisions;
  return succeeded(getFlattenedAffineExpr(expr, 2, symbols.size(), &flat,
                                          &divisions)) &&
         divisions.getNumLocalVars() == 0;
}

/// The number of the constraint in the set, or nothing.
static std::optional<unsigned> find(IntegerSet set, AffineExpr expr,
                                    bool equality) {
  for (unsigned i = 0; i < set.getNumConstraints(); ++i)
    if (set.getConstraint(i) == expr && set.isEq(i) == equality)
      return i;
  return std::nullopt;
}

TableConditions splitTableConditions(MaskAttr mask) {
  TableConditions split;
  ArrayRef<MaskSymbolAttr> symbols = mask.getSymbols();
  IntegerSet first = mask.getDisjuncts().front();
  for (auto [expr, equality] :
       llvm::zip(first.getConstraints(), first.getEqFlags())) {
    bool everywhere =
        llvm::all_of(mask.getDisjuncts(),
                     [&, expr = expr, equality = equality](IntegerSet set) {
                       return find(set, expr, equality).has_value();
                     });
    if (!everywhere || !isCondition(expr, symbols))
      continue;
    split.conditions.push_back(expr);
    split.isEquality.push_back(equality);
  }
  AffineExpr zero = getAffineConstantExpr(0, mask.getContext());
  for (IntegerSet set : mask.getDisjuncts()) {
    SmallVector<AffineExpr> left;
    SmallVector<bool> equalities;
    for (auto [expr, equality] :
         llvm::zip(set.getConstraints(), set.getEqFlags()))
      if (!llvm::is_contained(split.conditions, expr)) {
        left.push_back(expr);
        equalities.push_back(equality);
      }
    if (left.empty()) {
      left.push_back(zero);
      equalities.push_back(true);
    }
    split.rest.push_back(IntegerSet::get(2, symbols.size(), left, equalities));
  }
  return split;
}

} // namespace heed::attn
