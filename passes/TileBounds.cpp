//===- TileBounds.cpp - Which keys a tile of queries visits ---------------===//
#include "ir/TileTest.h"
#include "passes/MaskAnalysis.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_TILEBOUNDS
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "tile-bounds";

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
  std::string text;
};

/// `doc[q] - doc[kv] == 0`: the conditions with their tables' names.
void printConditions(llvm::raw_ostream &os, MaskAttr mask,
                     const TableConditions &split) {
  SmallVector<std::string> names;
  for (MaskSymbolAttr symbol : mask.getSymbols())
    names.push_back(symbol.getTable().getValue().empty()
                        ? symbol.getName().str()
                        : (symbol.getTable().getValue() + "[" +
                           stringifySymbolIndex(symbol.getIndex()) + "]")
                              .str());
  masks::printSet(
      os, IntegerSet::get(0, names.size(), split.conditions, split.isEquality),
      {}, names);
}

Bounds boundsOf(MaskAttr mask, const masks::TileBounds &bounds,
                const TableConditions &conditions) {
  MLIRContext *context = mask.getContext();
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
  if (!conditions.conditions.empty()) {
    os << "; of these only the keys where some query of the tile has ";
    printConditions(os, mask, conditions);
    os << ", found when it runs if the table is sorted along the keys";
  }
  out.attribute = TileBoundsAttr::get(context, bounds.exact, loops);
  return out;
}

struct TileBounds : impl::TileBoundsBase<TileBounds> {
  void runOnOperation() override {
    auto &analysis = getAnalysis<MaskAnalysis>();
    markAnalysesPreserved<MaskAnalysis>();
    getOperation()->walk([&](AttentionOp op) {
      MaskFacts &facts = analysis.of(op);
      if (!facts.error().empty())
        return declined(op, Name,
                        "every key is visited and masked: " + facts.error());
      const masks::TileBounds &found = facts.tileBounds();
      Bounds bounds = boundsOf(op.getMask(), found, facts.conditions());
      op.setTileBoundsAttr(bounds.attribute);
      bool asks = asksTiles(op.getMask(), bounds.attribute, kUsualKeyTile);
      if (asks)
        bounds.text += "; of these only tiles of keys that the mask may need, "
                       "asked of each before it is loaded";
      heed::found(op, Name, "a tile of queries q0 to q1 visits " + bounds.text);
      if (!found.exact && !(asks && facts.restIsExact()))
        declined(op, Name,
                 "more keys are visited or masked than the mask needs: " +
                     found.reason);
    });
  }
};
} // namespace
} // namespace heed
