//===- MaskAnalysis.cpp - What is known of each attention's mask ----------===//
#include "passes/MaskAnalysis.h"
#include "ir/Axes.h"
#include "passes/Remarks.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

static masks::MaskSymbol symbolOf(MaskSymbolAttr symbol) {
  bool scalar = symbol.getIndex() == SymbolIndex::None;
  std::string name = symbol.getName().str();
  auto kind = symbol.isOpaque()            ? masks::MaskSymbol::Opaque
              : scalar && name == "kv_len" ? masks::MaskSymbol::KeyLength
                                           : masks::MaskSymbol::Parameter;
  return {name, kind};
}

static std::optional<masks::MaskSet>
maskSet(MaskAttr mask, ArrayRef<IntegerSet> sets, std::string &error) {
  return masks::MaskSet::get(mask.getContext(), sets,
                             llvm::map_to_vector(mask.getSymbols(), symbolOf),
                             error);
}

std::optional<masks::MaskSet> maskSetOf(MaskAttr mask, std::string &error) {
  return maskSet(mask, mask.getDisjuncts(), error);
}

bool keysReachTile(AttentionOp op) {
  if (isa<CacheType>(op.getK().getType()))
    return true;
  if (!op.getQRows() && op.getQAxis() == op.getKvAxis())
    return true;
  if (op.getQRows())
    return op.getQRows() == op.getKvRows();
  int64_t queries = axisSize(op.getQ().getType(), op.getQAxis());
  int64_t keys = axisSize(op.getK().getType(), op.getKvAxis());
  return !ShapedType::isDynamic(queries) && !ShapedType::isDynamic(keys) &&
         keys >= queries;
}

MaskFacts::MaskFacts(MaskAttr mask, bool keysReachTile)
    : mask(mask), reach(keysReachTile), split(splitTableConditions(mask)) {
  all = maskSetOf(mask, why);
  if (all)
    rest = maskSet(mask, split.rest, why);
}

const masks::TileBounds &MaskFacts::tileBounds() {
  if (!bounds) {
    masks::TileOptions options;
    options.keysReachTile = reach;
    bounds = masks::computeTileBounds(*rest, options);
  }
  return *bounds;
}

/// The conditions compare entries of one table that are the same where q = kv.
static bool holdOnDiagonal(const TableConditions &split, MaskAttr mask) {
  ArrayRef<MaskSymbolAttr> symbols = mask.getSymbols();
  MLIRContext *context = mask.getContext();
  SmallVector<AffineExpr> values;
  for (auto [i, symbol] : llvm::enumerate(symbols)) {
    // The first symbol of the same table stands for all.
    auto first = llvm::find_if(symbols, [&](MaskSymbolAttr other) {
      return other == symbol || (other.isOpaque() && symbol.isOpaque() &&
                                 other.getTable() == symbol.getTable());
    });
    values.push_back(getAffineSymbolExpr(first - symbols.begin(), context));
  }
  return !split.conditions.empty() &&
         llvm::all_of(
             llvm::zip(split.conditions, split.isEquality),
             [&](auto condition) {
               auto [expr, equality] = condition;
               auto constant = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(
                   expr.replaceSymbols(values), 2, symbols.size()));
               return constant && (equality ? constant.getValue() == 0
                                            : constant.getValue() >= 0);
             });
}

const masks::RowCoverage &MaskFacts::rowCoverage() {
  if (rows)
    return *rows;
  rows = masks::computeRowCoverage(*all, reach);
  if (rows->verdict != masks::Verdict::Unknown || !reach ||
      !holdOnDiagonal(split, mask))
    return *rows;
  // Of a row's own key the tables' entries are known to meet: maybe it is
  // enough.
  AffineExpr difference = getAffineDimExpr(0, mask.getContext()) -
                          getAffineDimExpr(1, mask.getContext());
  SmallVector<IntegerSet> sets(mask.getDisjuncts());
  for (IntegerSet set : split.rest) {
    SmallVector<AffineExpr> constraints(set.getConstraints());
    SmallVector<bool> equalities(set.getEqFlags());
    constraints.push_back(difference);
    equalities.push_back(true);
    sets.push_back(
        IntegerSet::get(2, set.getNumSymbols(), constraints, equalities));
  }
  if (auto own = maskSet(mask, sets, why))
    rows = masks::computeRowCoverage(*own, reach);
  return *rows;
}

const masks::CacheCapacity &MaskFacts::cacheCapacity() {
  if (!cache)
    cache = masks::computeCacheCapacity(*all);
  return *cache;
}

const masks::MaskCount &MaskFacts::count() {
  if (!pairs)
    pairs = masks::computeMaskCount(*rest, reach);
  return *pairs;
}

MaskFacts &MaskAnalysis::of(AttentionOp op) {
  MaskAttr mask = op.getMask();
  bool reach = keysReachTile(op);
  return facts.try_emplace({mask.getAsOpaquePointer(), reach}, mask, reach)
      .first->second;
}

MaskFacts *MaskAnalysis::known(AttentionOp op, StringRef pass) {
  MaskFacts &found = of(op);
  if (found.error().empty())
    return &found;
  declined(op, pass, "nothing is known: " + found.error());
  return nullptr;
}

} // namespace heed
