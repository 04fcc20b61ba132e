//===- AttentionRules.cpp - Score rule and mask, in tile ops --------------===//
#include "codegen/attention/AttentionRules.h"
#include "codegen/attention/DistanceTerms.h"
#include "codegen/attention/MaskCode.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace heed::attn {

void emitRule(Region &region, AttentionItems &items, AttentionItem &item) {
  AttentionOp op = items.op;
  OpBuilder &b = items.b;
  Location loc = items.loc;
  OpBuilder::InsertionGuard guard(b);
  if (items.group == 1)
    region.getParentOp()->setAttr(kRowsAreQueries, b.getUnitAttr());
  Type f32 = b.getF32Type(), i = b.getIndexType();
  Block *block =
      b.createBlock(&region, region.end(), {f32, i, i}, {loc, loc, loc});
  Block &source = op.getScore().front();
  IRMapping values;
  values.map(source.getArgument(0), block->getArgument(0));
  values.map(source.getArgument(1), block->getArgument(1));
  values.map(source.getArgument(2), block->getArgument(2));
  values.map(source.getArgument(3), item.headIndex);
  values.map(source.getArgument(4), item.segment.number);
  for (Operation &inner : source.without_terminator()) {
    if (auto lookup = dyn_cast<LookupOp>(inner))
      values.map(lookup.getResult(), items.views.lookup(lookup, values));
    else
      b.clone(inner, values);
  }
  Value score = values.lookupOrDefault(source.getTerminator()->getOperand(0));
  Value log2e = arith::ConstantOp::create(
      b, loc, b.getF32FloatAttr(static_cast<float>(kLog2E)));
  YieldOp::create(b, loc,
                  ValueRange{arith::MulFOp::create(b, loc, score, log2e)});
}

void emitMask(Region &region, AttentionItems &items, AttentionItem &item) {
  AttentionOp op = items.op;
  OpBuilder &b = items.b;
  Location loc = items.loc;
  OpBuilder::InsertionGuard guard(b);
  Type i = b.getIndexType();
  Block *block = b.createBlock(&region, region.end(), {i, i}, {loc, loc});
  Value q = block->getArgument(0), kv = block->getArgument(1);
  SmallVector<Value> symbols = item.symbols;
  for (auto [symbol, value] : llvm::zip(op.getMask().getSymbols(), symbols))
    if (symbol.isOpaque())
      value = items.views.opaqueSymbol(symbol, item.segment, q, kv);
  YieldOp::create(b, loc,
                  ValueRange{emitMask(b, loc, op.getMask(), q, kv, symbols)});
}

} // namespace heed::attn
