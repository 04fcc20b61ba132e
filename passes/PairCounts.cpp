#include "passes/PairCounts.h"

#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "ir/TileTest.h"
#include "passes/MaskFlow.h"
#include "passes/masks/EachPair.h"
#include "passes/masks/EqualWork.h"

#include <numeric>

using namespace heed::attn;
using namespace mlir;

namespace heed {

static int64_t keyTileOf(AttentionOp op) {
  AttentionScheduleAttr schedule = op.getScheduleAttr();
  return schedule ? schedule.getKeyTile() : kUsualKeyTile;
}

/// Pairs that each query tile of rows [first, last) visits where the kernel
/// asks of each tile of keys whether the mask needs it.
static llvm::SmallVector<int64_t> askedPairs(AttentionOp op, int64_t first,
                                             int64_t last, int64_t keys,
                                             int64_t tileQueries,
                                             llvm::ArrayRef<int64_t> symbols) {
  int64_t keyTile = keyTileOf(op);
  llvm::SmallVector<std::optional<KnownArithmetic::Value>> known;
  for (auto [symbol, value] : llvm::zip(op.getMask().getSymbols(), symbols))
    known.push_back(symbol.isOpaque()
                        ? std::nullopt
                        : std::optional(KnownArithmetic::Value(value)));
  KnownArithmetic arithmetic;
  TileTest<KnownArithmetic> test(arithmetic, op.getMask(), known);
  llvm::SmallVector<int64_t> work;
  for (int64_t q = first; q < last; q += tileQueries) {
    int64_t end = std::min(q + tileQueries, last), visited = 0;
    llvm::SmallVector<int64_t> values = {q, end, keys};
    llvm::append_range(values, symbols);
    auto mayMeet = [&](int64_t k0, int64_t k1) {
      return *test.mayMeet(q, end, k0, k1, 1);
    };
    // Ranges that touch are one.
    std::pair<int64_t, int64_t> run = {0, 0};
    for (TileLoopAttr loop : op.getTileBoundsAttr().getLoops()) {
      masks::KeyRange range{loop.getLower(), loop.getUpper(), loop.getGuard(),
                            std::nullopt};
      auto [from, to] = range.bounds(values);
      from = std::max<int64_t>(from, 0);
      to = std::min(to, keys);
      if (from >= to)
        continue;
      if (from != run.second) {
        visited += countVisitedKeys(run.first, run.second, keyTile, mayMeet);
        run.first = from;
      }
      run.second = to;
    }
    visited += countVisitedKeys(run.first, run.second, keyTile, mayMeet);
    work.push_back(visited * (end - q));
  }
  return work;
}

/// Pairs that are counted one by one where nothing else gives their number:
/// some tenths of a second.
constexpr int64_t mostPairs = 1 << 24;

static int64_t headsOf(AttentionOp op) {
  return std::max<int64_t>(1, axisSize(op.getQ().getType(), axis::Heads));
}

/// The values of the mask's symbols for a head; nullopt where a bound of the
/// loops is looked up when it runs.
static std::optional<llvm::SmallVector<int64_t>>
symbolsOf(AttentionOp op, int64_t queries, int64_t keys, int64_t head) {
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
  return symbols;
}

/// Of rows [first, last).
static llvm::SmallVector<int64_t>
visitedPairs(AttentionOp op, MaskFacts &facts, int64_t first, int64_t last,
             int64_t keys, int64_t tileQueries,
             llvm::ArrayRef<int64_t> symbols) {
  return asksTiles(op.getMask(), op.getTileBoundsAttr(), keyTileOf(op))
             ? askedPairs(op, first, last, keys, tileQueries, symbols)
             : masks::visitedPairs(facts.tileBounds(), first, last - first,
                                   tileQueries, keys, symbols);
}

static int64_t sumOf(llvm::ArrayRef<int64_t> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), int64_t(0));
}

std::optional<PairCounts> countPairs(AttentionOp op, MaskFacts &facts,
                                     int64_t queries, int64_t keys,
                                     int64_t tileQueries, int64_t head) {
  auto symbols = symbolsOf(op, queries, keys, head);
  if (!symbols)
    return std::nullopt;
  llvm::SmallVector<int64_t> lengths = {queries, keys};
  llvm::append_range(lengths, *symbols);
  PairCounts pairs;
  pairs.visited =
      visitedPairs(op, facts, 0, queries, keys, tileQueries, *symbols);
  int64_t heads = variesByHead(op) ? headsOf(op) : 1;
  if (facts.count().exact) {
    pairs.allowed = facts.count().evaluate(lengths);
  } else if (queries <= mostPairs / heads / std::max<int64_t>(keys, 1)) {
    pairs.allowed = masks::countEachPair(facts.withoutTables().atMost(),
                                         queries, keys, *symbols);
    pairs.atMost = !facts.restIsExact();
  } else {
    // What is allowed is visited as well.
    pairs.allowed =
        std::min(facts.count().evaluate(lengths), sumOf(pairs.visited));
    pairs.atMost = true;
  }
  return pairs;
}

std::optional<PairCounts> countPairsBehind(AttentionOp op, MaskFacts &facts,
                                           int64_t past, int64_t queries,
                                           int64_t tileQueries, int64_t head) {
  int64_t last = past + queries;
  auto all = countPairs(op, facts, last, last, tileQueries, head);
  auto before = countPairs(op, facts, past, past, tileQueries, head);
  if (!all || !before)
    return std::nullopt;
  PairCounts pairs;
  pairs.visited = visitedPairs(op, facts, past, last, last, tileQueries,
                               *symbolsOf(op, last, last, head));
  // A difference of upper bounds is none.
  pairs.atMost = all->atMost || before->atMost;
  pairs.allowed =
      pairs.atMost ? sumOf(pairs.visited) : all->allowed - before->allowed;
  return pairs;
}

bool variesByHead(AttentionOp op) {
  return llvm::any_of(valuesByHead(op, op.getMask()),
                      [](auto &values) { return !values.empty(); });
}

std::optional<PairCounts> countPairsOfHeads(AttentionOp op, MaskFacts &facts,
                                            int64_t queries, int64_t keys,
                                            int64_t tileQueries) {
  int64_t heads = headsOf(op);
  bool varies = variesByHead(op);
  std::optional<PairCounts> one;
  PairCounts all;
  for (int64_t h = 0; h < heads; ++h) {
    if (!one || varies)
      one = countPairs(op, facts, queries, keys, tileQueries, h);
    if (!one)
      return std::nullopt;
    all.allowed += one->allowed;
    all.atMost |= one->atMost;
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
