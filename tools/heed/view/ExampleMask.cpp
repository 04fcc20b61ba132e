//===- ExampleMask.cpp - A mask at chosen lengths, evaluated pair by pair -===//
#include "tools/heed/view/ExampleMask.h"

#include "passes/masks/Affine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace heed::attn;

namespace heed::view {

/// The value of a symbol that is one number for a head; nullopt where it is
/// known only when the model runs.
static std::optional<int64_t> valueOf(AttentionOp op, MaskSymbolAttr symbol,
                                      int64_t queries, int64_t keys,
                                      int64_t head) {
  StringRef name = symbol.getName().getValue(),
            table = symbol.getTable().getValue();
  if (table.empty())
    return name == "q_len"    ? std::optional(queries)
           : name == "kv_len" ? std::optional(keys)
           : name == "h"      ? std::optional(head)
           : name == "b"      ? std::optional<int64_t>(0)
                              : std::nullopt;
  if (symbol.getIndex() != SymbolIndex::Head)
    return std::nullopt;
  for (auto [tableName, value] :
       llvm::zip(op.getTableNames()->getAsRange<StringAttr>(), op.getTables()))
    if (tableName.getValue() == table)
      if (auto constant = value.getDefiningOp<arith::ConstantOp>())
        if (auto all = dyn_cast<DenseIntElementsAttr>(constant.getValue());
            all && head < all.getNumElements())
          return all.getValues<APInt>()[head].getSExtValue();
  return std::nullopt;
}

ExampleMask::ExampleMask(AttentionOp op, MaskFacts &facts, int64_t queries,
                         int64_t keys, int64_t head)
    : queries(queries), keys(keys), mask(op.getMask()), facts(facts),
      why(facts.error()) {
  int tables = 0;
  for (MaskSymbolAttr symbol : mask.getSymbols()) {
    if (symbol.isOpaque()) {
      values.push_back(0);
      ++tables;
      continue;
    }
    std::optional<int64_t> value = valueOf(op, symbol, queries, keys, head);
    if (!value)
      why = ("`" + symbol.getName().getValue() +
             "` is known only when the model runs")
                .str();
    values.push_back(value.value_or(0));
  }
  hasTables = tables > 0;
  hasDocuments = tables > 1;
}

ArrayRef<int64_t> ExampleMask::at(int64_t q, int64_t kv) {
  here = values;
  for (auto [i, symbol] : llvm::enumerate(mask.getSymbols())) {
    if (!symbol.isOpaque())
      continue;
    bool byQuery = symbol.getIndex() == SymbolIndex::Query;
    int64_t position = byQuery ? q : kv, length = byQuery ? queries : keys;
    here[i] = hasDocuments ? position * 4 / length : position * 4 < length * 3;
  }
  return here;
}

bool ExampleMask::allows(int64_t q, int64_t kv) {
  ArrayRef<int64_t> symbols = at(q, kv);
  return llvm::any_of(mask.getDisjuncts(), [&](IntegerSet set) {
    return masks::holds(set, {q, kv}, symbols);
  });
}

bool ExampleMask::conditionsHold(int64_t q, int64_t kv) {
  const TableConditions &split = facts.conditions();
  ArrayRef<int64_t> symbols = at(q, kv);
  for (auto [expr, equality] : llvm::zip(split.conditions, split.isEquality)) {
    int64_t value = masks::evaluate(expr, {q, kv}, symbols);
    if (equality ? value != 0 : value < 0)
      return false;
  }
  return true;
}

SmallVector<std::pair<int64_t, int64_t>> ExampleMask::keysOf(int64_t q) {
  SmallVector<std::pair<int64_t, int64_t>> result;
  const masks::MaskCount &count = facts.count();
  bool intervals = !hasTables && count.exact &&
                   llvm::none_of(count.row, [](const masks::KeyRange &range) {
                     return range.filter.has_value();
                   });
  if (intervals) {
    SmallVector<int64_t> symbols = {q, queries, keys};
    symbols.append(values);
    for (const masks::KeyRange &range : count.row)
      if (auto [from, to] = range.bounds(symbols); from < to)
        result.push_back({from, to});
    return result;
  }
  for (int64_t kv = 0; kv < keys; ++kv) {
    if (!allows(q, kv))
      continue;
    if (!result.empty() && result.back().second == kv)
      ++result.back().second;
    else
      result.push_back({kv, kv + 1});
  }
  return result;
}

} // namespace heed::view
