//===- FusedLinear.cpp - Making and remaking attn.fused_linear ------------===//
#include "passes/FusedLinear.h"

using namespace mlir;
using namespace heed::attn;

static void fillPlain(Region &region, TypeRange types, Location loc) {
  Block *block = new Block();
  region.push_back(block);
  block->addArguments(types, SmallVector<Location>(types.size(), loc));
  OpBuilder builder = OpBuilder::atBlockEnd(block);
  YieldOp::create(builder, loc, block->getArguments());
}

FusedLinearOp heed::createPlainLinear(OpBuilder &builder, Location loc, Value x,
                                      ValueRange weights, TypeRange products) {
  auto linear = FusedLinearOp::create(builder, loc, products, x, weights,
                                      LinearScheduleAttr());
  fillPlain(linear.getPrologue(), x.getType(), loc);
  fillPlain(linear.getEpilogue(), products, loc);
  return linear;
}

bool heed::isPlain(Region &region) {
  Operation *terminator = region.front().getTerminator();
  return &region.front().front() == terminator &&
         llvm::equal(terminator->getOperands(), region.getArguments());
}
