//===- MaskAnalysis.cpp - What is known of each attention's mask ----------===//
#include "passes/MaskAnalysis.h"
#include "ir/Axes.h"
#include "passes/MaskFlow.h"
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

MaskFacts::MaskFacts(MaskAttr mask, bool keysReachTile, Ranges ranges)
    : mask(mask), reach(keysReachTile), ranges(std::move(ranges)),
      split(splitTableConditions(mask)) {
  all = setOf(mask.getDisjuncts());
  if (all)
    rest = setOf(split.rest);
}

std::optional<masks::MaskSet> MaskFacts::setOf(ArrayRef<IntegerSet> disjuncts) {
  SmallVector<masks::MaskSymbol> symbols;
  for (auto [symbol, range] : llvm::zip(mask.getSymbols(), ranges)) {
    symbols.push_back(symbolOf(symbol));
    if (range)
      std::tie(symbols.back().min, symbols.back().max) = *range;
  }
  return masks::MaskSet::get(mask.getContext(), disjuncts, symbols, why);
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
  if (auto own = setOf(sets))
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
  MaskFacts::Ranges ranges;
  for (const SmallVector<int64_t> &values : valuesByHead(op, mask)) {
    ranges.emplace_back();
    if (!values.empty())
      ranges.back() = {*llvm::min_element(values), *llvm::max_element(values)};
  }
  return facts
      .try_emplace({mask.getAsOpaquePointer(), reach, ranges}, mask, reach,
                   ranges)
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
