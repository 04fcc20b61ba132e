//===- PairCounts.cpp - Pairs of an attention at given lengths ------------===//
#include "passes/PairCounts.h"
#include "passes/masks/EqualWork.h"

using namespace heed::attn;

namespace heed {

std::optional<PairCounts> countPairs(AttentionOp op, MaskFacts &facts,
                                     int64_t queries, int64_t keys,
                                     int64_t tileQueries) {
  llvm::SmallVector<int64_t> symbols;
  for (MaskSymbolAttr symbol : op.getMask().getSymbols()) {
    llvm::StringRef name = symbol.getName().getValue();
    // What is looked up does not bound the loops; a table by head might.
    if (!symbol.isOpaque() && !symbol.getTable().getValue().empty())
      return std::nullopt;
    symbols.push_back(name == "q_len" ? queries : name == "kv_len" ? keys : 0);
  }
  llvm::SmallVector<int64_t> lengths = {queries, keys};
  llvm::append_range(lengths, symbols);
  return PairCounts{facts.count().evaluate(lengths),
                    masks::visitedPairs(facts.tileBounds(), 0, queries,
                                        tileQueries, keys, symbols)};
}

} // namespace heed
