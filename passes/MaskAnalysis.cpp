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
              : scalar && name == "q_len"  ? masks::MaskSymbol::QueryLength
                                           : masks::MaskSymbol::Parameter;
  return {name, kind,
          kind == masks::MaskSymbol::QueryLength ? std::optional<int64_t>(1)
                                                 : std::nullopt};
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

MaskFacts::MaskFacts(MaskAttr mask, masks::RowFacts known, Ranges ranges)
    : mask(mask), known(known), ranges(std::move(ranges)),
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
    options.keysReachTile = keysReachTile();
    bounds = masks::computeTileBounds(*rest, options);
  }
  return *bounds;
}

const masks::RowCoverage &MaskFacts::rowCoverage() {
  if (rows)
    return *rows;
  rows = masks::computeRowCoverage(*all, known);
  if (rows->verdict == masks::Verdict::Unknown)
    if (auto own = setOf(withOwnKeys(mask)))
      rows = masks::computeRowCoverage(*own, known);
  return *rows;
}

const masks::CacheCapacity &MaskFacts::cacheCapacity() {
  if (!cache)
    cache = masks::computeCacheCapacity(*all);
  return *cache;
}

const masks::MaskCount &MaskFacts::count() {
  if (!pairs)
    pairs = masks::computeMaskCount(*rest, keysReachTile());
  return *pairs;
}

MaskFacts &MaskAnalysis::of(AttentionOp op) {
  MaskAttr mask = op.getMask();
  MaskFacts::Ranges ranges;
  for (const SmallVector<int64_t> &values : valuesByHead(op, mask)) {
    ranges.emplace_back();
    if (!values.empty())
      ranges.back() = {*llvm::min_element(values), *llvm::max_element(values)};
  }
  bool cached = isa<CacheType>(op.getK().getType());
  masks::RowFacts known{keysReachTile(op)};
  known.sameRows = !cached && (op.getQRows() ? op.getQRows() == op.getKvRows()
                                             : op.getQAxis() == op.getKvAxis());
  known.counted = known.sameRows || !op.getQRows();
  known.aligned = aligned;
  return facts
      .try_emplace({mask.getAsOpaquePointer(), known.amongKeys, known.counted,
                    known.sameRows, ranges},
                   mask, known, ranges)
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
