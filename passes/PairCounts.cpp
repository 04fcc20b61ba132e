#include "passes/PairCounts.h"

#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "passes/MaskFlow.h"
#include "passes/masks/EqualWork.h"

using namespace heed::attn;
using namespace mlir;

namespace heed {

std::optional<PairCounts> countPairs(AttentionOp op, MaskFacts &facts,
                                     int64_t queries, int64_t keys,
                                     int64_t tileQueries, int64_t head) {
  llvm::SmallVector<int64_t> symbols;
  for (auto [symbol, values] :
       llvm::zip(op.getMask().getSymbols(), valuesByHead(op, op.getMask()))) {
    llvm::StringRef name = symbol.getName().getValue();
    // What is looked up does not bound the loops; a table by head does.
    if (!values.empty())
      symbols.push_back(values[head]);
    else if (!symbol.isOpaque() && !symbol.getTable().getValue().empty())
      return std::nullopt;
    else
      symbols.push_back(name == "q_len"    ? queries
                        : name == "kv_len" ? keys
                                           : 0);
  }
  llvm::SmallVector<int64_t> lengths = {queries, keys};
  llvm::append_range(lengths, symbols);
  return PairCounts{facts.count().evaluate(lengths),
                    masks::visitedPairs(facts.tileBounds(), 0, queries,
                                        tileQueries, keys, symbols)};
}

bool variesByHead(AttentionOp op) {
  return llvm::any_of(valuesByHead(op, op.getMask()),
                      [](auto &values) { return !values.empty(); });
}

std::optional<PairCounts> countPairsOfHeads(AttentionOp op, MaskFacts &facts,
                                            int64_t queries, int64_t keys,
                                            int64_t tileQueries) {
  int64_t heads =
      std::max<int64_t>(1, axisSize(op.getQ().getType(), axis::Heads));
  bool varies = variesByHead(op);
  std::optional<PairCounts> one;
  PairCounts all;
  for (int64_t h = 0; h < heads; ++h) {
    if (!one || varies)
      one = countPairs(op, facts, queries, keys, tileQueries, h);
    if (!one)
      return std::nullopt;
    all.allowed += one->allowed;
    llvm::append_range(all.visited, one->visited);
  }
  return all;
}

int64_t queriesOfTile(AttentionOp op) {
  AttentionScheduleAttr schedule = op.getScheduleAttr();
  return schedule
             ? std::max<int64_t>(1, schedule.getQueries() / headsOfTile(op))
             : 48;
}

std::pair<int64_t, int64_t> lengthsOf(AttentionOp op, MaskFacts &facts,
                                      int64_t length) {
  auto sizeOf = [&](Value tensor, StringRef name) {
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    int64_t size = type ? axisSize(type, name) : ShapedType::kDynamic;
    return ShapedType::isDynamic(size) ? length : size;
  };
  int64_t queries = sizeOf(op.getQ(), op.getQAxis());
  return {queries,
          facts.keysReachTile() ? queries : sizeOf(op.getK(), op.getKvAxis())};
}

} // namespace heed
