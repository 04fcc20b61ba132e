//===- MaskAt.cpp - A symbolic mask at one pair ---------------------------===//
#include "tests/oracle/MaskAt.h"
#include "ir/Axes.h"

using namespace heed::oracle;
using namespace heed::attn;
using namespace mlir;

static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static int64_t valueOf(AffineExpr expr, ArrayRef<int64_t> dims,
                       ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = valueOf(binary.getLHS(), dims, symbols),
          b = valueOf(binary.getRHS(), dims, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return floorDiv(a, b);
  case AffineExprKind::CeilDiv:
    return -floorDiv(-a, b);
  case AffineExprKind::Mod:
    return a - b * floorDiv(a, b);
  default:
    llvm_unreachable("leaves are handled above");
  }
}

static bool contains(IntegerSet set, ArrayRef<int64_t> dims,
                     ArrayRef<int64_t> symbols) {
  for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
    int64_t value = valueOf(set.getConstraint(i), dims, symbols);
    if (set.isEq(i) ? value != 0 : value < 0)
      return false;
  }
  return true;
}

FailureOr<bool> MaskAt::allows(const ScoreAt &at) const {
  SmallVector<int64_t> symbols;
  for (MaskSymbolAttr each : context.mask.getSymbols()) {
    FailureOr<int64_t> value = symbol(each, at);
    if (failed(value))
      return failure();
    symbols.push_back(*value);
  }
  for (IntegerSet set : context.mask.getDisjuncts())
    if (contains(set, {at.q, at.kv}, symbols))
      return true;
  return false;
}

/// Queries of the pair's sequence that have been seen, those of this call
/// included.
int64_t MaskAt::queryCount(const ScoreAt &at) const {
  return context.rows ? context.rows->end(at.b)
                      : space.sizes[llvm::find(space.axes, space.queryAxis) -
                                    space.axes.begin()];
}

int64_t MaskAt::keyCount(const ScoreAt &at) const {
  if (context.keyRows)
    return context.keyRows->end(at.b);
  if (context.rows)
    return context.rows->end(at.b);
  return space
      .sizes[llvm::find(space.axes, StringRef(axis::Key)) - space.axes.begin()];
}

FailureOr<int64_t> MaskAt::symbol(MaskSymbolAttr symbol,
                                  const ScoreAt &at) const {
  StringRef name = symbol.getName().getValue();
  if (!symbol.getTable().getValue().empty())
    return element(symbol, at);
  if (name == "h")
    return at.h;
  if (name == "b")
    return at.b;
  if (name == "q_len")
    return queryCount(at);
  if (name == "kv_len")
    return keyCount(at);
  auto found = around.integers.find(name);
  if (found == around.integers.end())
    return context.op->emitOpError()
           << "the mask's symbol `" << name << "` has no value";
  return found->second;
}

/// table[i]: batch axes of the table go with those of the scores, a ragged axis
/// by the row of that position; any other axis is indexed directly.
FailureOr<int64_t> MaskAt::element(MaskSymbolAttr symbol,
                                   const ScoreAt &at) const {
  const Tensor &table =
      *context.tables[llvm::find(context.tableNames,
                                 symbol.getTable().getValue()) -
                      context.tableNames.begin()];
  int64_t wanted = 0;
  switch (symbol.getIndex()) {
  case SymbolIndex::Query:
    wanted = at.q;
    break;
  case SymbolIndex::Key:
    wanted = at.kv;
    break;
  case SymbolIndex::Head:
    wanted = at.h;
    break;
  case SymbolIndex::Batch:
  case SymbolIndex::None:
    wanted = at.b;
    break;
  }
  int64_t offset = 0;
  for (const std::string &name : table.axes) {
    int64_t index = wanted;
    auto ours = llvm::find(space.axes, name);
    bool isRole = name == space.queryAxis || name == axis::Key ||
                  name == axis::Heads || name == axis::Query;
    if (ours != space.axes.end() && !isRole)
      index = at.indices[ours - space.axes.begin()];
    for (const Rows *rows : {context.rows, context.keyRows})
      if (rows && rows->axis == name)
        index = rows->rowOf(at.b, wanted).value_or(-1);
    if (index < 0 || index >= table.size(name))
      return context.op->emitOpError()
             << "the mask's table `" << symbol.getTable().getValue()
             << "` has no element for position " << wanted;
    offset += index * table.stride(name);
  }
  return int64_t(table.values[offset]);
}
