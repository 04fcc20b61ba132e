//===- TablePairs.cpp - Pairs of an attention whose tables are known ------===//
#include "passes/TablePairs.h"

#include "ir/TableConditions.h"
#include "ir/TileTest.h"
#include "passes/masks/Affine.h"
#include "passes/masks/KeyRange.h"

using namespace heed::attn;
using namespace mlir;

namespace heed {

/// Of queries by keys: some seconds.
constexpr int64_t kMostPairsOfTables = int64_t(1) << 25;

namespace {
using Range = std::pair<int64_t, int64_t>;

class TableCounter {
public:
  TableCounter(AttentionOp op, int64_t queries, int64_t keys,
               const TableValues &tables)
      : op(op), keys(keys), split(splitTableConditions(op.getMask())) {
    for (MaskSymbolAttr symbol : op.getMask().getSymbols()) {
      StringRef name = symbol.getName().getValue();
      symbols.push_back(name == "q_len"    ? queries
                        : name == "kv_len" ? keys
                                           : 0);
      values.push_back(nullptr);
      if (symbol.getTable().getValue().empty()) {
        isKnown &= name == "q_len" || name == "kv_len";
        continue;
      }
      auto names = op.getTableNames()->getAsRange<StringAttr>();
      Value table = op.getTables()[std::distance(
          names.begin(), llvm::find(names, symbol.getTable()))];
      auto found = tables.find(table);
      size_t needed =
          symbol.getIndex() == SymbolIndex::Key ? size_t(keys) : queries;
      isKnown &= symbol.isOpaque() && found != tables.end() &&
                 cast<RankedTensorType>(table.getType()).getRank() == 1 &&
                 found->second.size() >= needed;
      if (isKnown)
        values.back() = &found->second;
    }
  }
  bool isKnown = true;

  /// Whether the kernel may search them.
  bool keysAreSorted() {
    for (size_t i = 0; i < values.size(); ++i) {
      bool isSearched =
          isOfKey(i) && llvm::any_of(split.conditions, [&](AffineExpr expr) {
            return expr.isFunctionOfSymbol(unsigned(i));
          });
      if (!isSearched)
        continue;
      auto part = ArrayRef(*values[i]).take_front(keys);
      if (!llvm::is_sorted(part) &&
          !llvm::is_sorted(part, std::greater<int64_t>()))
        return false;
    }
    return true;
  }

  void enter(int64_t q, int64_t kv) {
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i])
        symbols[i] = (*values[i])[isOfKey(i) ? kv : q];
  }

  bool allows(int64_t q, int64_t kv) {
    enter(q, kv);
    return llvm::any_of(op.getMask().getDisjuncts(), [&](IntegerSet set) {
      return masks::holds(set, {q, kv}, symbols);
    });
  }

  /// The keys that meet all conditions with some query of the tile, each for
  /// itself: what the searches find.
  Range keysOfTile(int64_t q0, int64_t q1) {
    Range within{0, keys};
    for (auto [expr, equality] :
         llvm::zip(split.conditions, split.isEquality)) {
      int64_t first = keys, end = 0;
      for (int64_t kv = within.first; kv < within.second; ++kv) {
        int64_t least = INT64_MAX, most = INT64_MIN;
        for (int64_t q = q0; q < q1; ++q) {
          enter(q, kv);
          int64_t value = masks::evaluate(expr, {q, kv}, symbols);
          least = std::min(least, value);
          most = std::max(most, value);
        }
        if (most >= 0 && (!equality || least <= 0)) {
          first = std::min(first, kv);
          end = kv + 1;
        }
      }
      within = {first, std::max(first, end)};
    }
    return within;
  }

  ArrayRef<int64_t> known() const { return symbols; }

private:
  bool isOfKey(size_t i) {
    return op.getMask().getSymbols()[i].getIndex() == SymbolIndex::Key;
  }

  AttentionOp op;
  int64_t keys;
  TableConditions split;
  SmallVector<int64_t> symbols;
  SmallVector<const std::vector<int64_t> *> values;
};
} // namespace

std::optional<PairCounts> countPairsOfTables(AttentionOp op, int64_t queries,
                                             int64_t keys, int64_t tileQueries,
                                             const TableValues &tables) {
  AttentionScheduleAttr schedule = op.getScheduleAttr();
  TableCounter counter(op, queries, keys, tables);
  if (!counter.isKnown || !op.getTileBoundsAttr() || !schedule ||
      asksTiles(op.getMask(), op.getTileBoundsAttr(), schedule.getKeyTile()))
    return std::nullopt;
  bool sorted = counter.keysAreSorted();
  int64_t left = kMostPairsOfTables;
  PairCounts pairs;
  for (int64_t q0 = 0; q0 < queries; q0 += tileQueries) {
    int64_t q1 = std::min(q0 + tileQueries, queries), visited = 0;
    if ((left -= keys * (q1 - q0)) < 0)
      return std::nullopt;
    Range within =
        sorted ? counter.keysOfTile(q0, q1) : Range(int64_t(0), keys);
    SmallVector<int64_t> bounds{q0, q1, keys};
    llvm::append_range(bounds, counter.known());
    for (TileLoopAttr loop : op.getTileBoundsAttr().getLoops()) {
      masks::KeyRange range{loop.getLower(), loop.getUpper(), loop.getGuard(),
                            std::nullopt};
      auto [from, to] = range.bounds(bounds);
      from = std::max({from, within.first, int64_t(0)});
      to = std::min({to, within.second, keys});
      for (int64_t kv = from; kv < to; ++kv, ++visited)
        for (int64_t q = q0; q < q1; ++q)
          pairs.allowed += counter.allows(q, kv);
    }
    pairs.visited.push_back(visited * (q1 - q0));
  }
  return pairs;
}

} // namespace heed
