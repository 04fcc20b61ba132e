//===- Views.cpp - Ops that move no data ----------------------------------===//
#include "ir/Views.h"
#include "ir/Axes.h"

using namespace mlir;

namespace heed::attn {

bool isView(Operation *op) {
  if (isa<SplitHeadsOp>(op))
    return true;
  auto merge = dyn_cast<MergeHeadsOp>(op);
  if (!merge)
    return false;
  ArrayRef<StringAttr> names = axisNames(merge.getX().getType());
  if (names.back() != axis::Head)
    return false;
  // Without `heads` there is nothing to merge.
  return !findAxis(merge.getX().getType(), axis::Heads) ||
         names.drop_back().back() == axis::Heads;
}

Value viewRoot(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isView(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

} // namespace heed::attn
