//===- TileBounds.cpp - Which keys a tile of queries visits ---------------===//
#include "passes/masks/TileBounds.h"
#include "ir/Axes.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_TILEBOUNDS
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "tile-bounds";

masks::MaskSymbol symbolOf(MaskSymbolAttr symbol) {
  std::string name = symbol.getName().str();
  bool scalar = symbol.getIndex() == SymbolIndex::None;
  auto kind = symbol.isOpaque()            ? masks::MaskSymbol::Opaque
              : scalar && name == "kv_len" ? masks::MaskSymbol::KeyLength
                                           : masks::MaskSymbol::Parameter;
  return {name, kind};
}

/// The keys reach at least to the tile's own positions: they were appended
/// before, or are of the same rows.
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

TileLoopAttr toAttribute(MLIRContext *context, const masks::KeyRange &range,
                         bool full) {
  IntegerSet always = IntegerSet::get(0, range.lower.getNumSymbols(),
                                      getAffineConstantExpr(0, context), true);
  return TileLoopAttr::get(context, full, range.lower, range.upper,
                           range.guard.value_or(always));
}

/// Where the range begins for a tile far from both ends: orders loops that have
/// a static order.
int64_t typicalStart(const masks::KeyRange &range) {
  SmallVector<int64_t> symbols(range.lower.getNumSymbols(), 256);
  symbols[masks::TileBounds::q0] = 4096;
  symbols[masks::TileBounds::q1] = 4144;
  symbols[masks::TileBounds::length] = 8192;
  int64_t start = 0;
  for (AffineExpr expr : range.lower.getResults())
    start = std::max(start, masks::evaluate(expr, {}, symbols));
  return start;
}

struct Bounds {
  TileBoundsAttr attribute;
  std::string text, whyInexact;
};

Bounds compute(MaskAttr mask, bool reach) {
  MLIRContext *context = mask.getContext();
  SmallVector<masks::MaskSymbol> symbols =
      llvm::map_to_vector(mask.getSymbols(), symbolOf);
  std::string error;
  auto set = masks::MaskSet::get(context, mask.getDisjuncts(), symbols, error);
  if (!set)
    return {{}, {}, error};
  masks::TileOptions options;
  options.keysReachTile = reach;
  masks::TileBounds bounds = masks::computeTileBounds(*set, options);

  struct Loop {
    int64_t start;
    unsigned number;
    const masks::KeyRange *range;
    bool full;
    bool operator<(const Loop &other) const {
      return std::tie(start, number) < std::tie(other.start, other.number);
    }
  };
  SmallVector<Loop> ranges;
  for (bool full : {true, false})
    for (const masks::KeyRange &range : full ? bounds.full : bounds.partial)
      ranges.push_back(
          {typicalStart(range), (unsigned)ranges.size(), &range, full});
  llvm::sort(ranges);

  Bounds out;
  llvm::raw_string_ostream os(out.text);
  SmallVector<TileLoopAttr> loops;
  for (auto [start, number, range, full] : ranges) {
    loops.push_back(toAttribute(context, *range, full));
    os << (loops.size() > 1 ? "; " : "") << (full ? "full " : "partial ");
    range->print(os, bounds.names);
  }
  out.attribute = TileBoundsAttr::get(context, bounds.exact, loops);
  out.whyInexact = bounds.reason;
  return out;
}

struct TileBounds : impl::TileBoundsBase<TileBounds> {
  void runOnOperation() override {
    getOperation()->walk([&](AttentionOp op) {
      bool reach = keysReachTile(op);
      auto [known, isNew] = computed.try_emplace({op.getMask(), reach});
      if (isNew)
        known->second = compute(op.getMask(), reach);
      const Bounds &bounds = known->second;
      if (!bounds.attribute)
        return declined(
            op, Name, "every key is visited and masked: " + bounds.whyInexact);
      op.setTileBoundsAttr(bounds.attribute);
      found(op, Name, "a tile of queries q0 to q1 visits " + bounds.text);
      if (!bounds.attribute.getExact())
        declined(op, Name,
                 "more keys are visited or masked than the mask needs: " +
                     bounds.whyInexact);
    });
  }

  /// Layers mostly share their masks.
  llvm::DenseMap<std::pair<MaskAttr, unsigned>, Bounds> computed;
};
} // namespace
} // namespace heed
