//===- Bands.cpp - Masks whose keys move with the queries -----------------===//
#include "ir/Bands.h"

namespace heed::attn {

bool isBanded(AttentionOp op) {
  if (!op.getTileBounds())
    return false;
  return llvm::any_of(op.getTileBounds()->getLoops(), [](TileLoopAttr loop) {
    return loop.getFull() && (loop.getLower().isFunctionOfSymbol(0) ||
                              loop.getLower().isFunctionOfSymbol(1));
  });
}

bool seesFewKeys(AttentionOp op) {
  return isBanded(op) ||
         (op.getTileBounds() && !op.getTileBounds()->getExact());
}

} // namespace heed::attn
