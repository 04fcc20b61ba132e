#include "ir/SequenceFlow.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace heed::attn;
using namespace mlir;

RowFlow heed::attn::rowFlowOf(Operation *op) {
  auto declared = dyn_cast<SequenceFlowOpInterface>(op);
  if (!declared)
    return RowFlow::Anything;
  switch (declared.getSequenceFlow()) {
  case SequenceFlow::None:
    return llvm::TypeSwitch<Operation *, RowFlow>(op)
        .Case<LinearOp, NormOp, RopeOp, L2NormalizeOp, SplitHeadsOp,
              FusedLinearOp>([](auto) { return RowFlow::LastAxis; })
        .Case<SliceOp, ConcatOp>([](auto) { return RowFlow::Shift; })
        .Case<ScoresOp>([](auto) { return RowFlow::Scores; })
        .Case<MaskOp>([](auto) { return RowFlow::Mask; })
        .Case<SoftmaxOp, MaskedSoftmaxOp>([](auto) { return RowFlow::Softmax; })
        .Case<CacheAppendOp>([](auto) { return RowFlow::Append; })
        .Default(RowFlow::Rows);
  case SequenceFlow::Masked:
    return isa<CombineOp>(op)     ? RowFlow::Combine
           : isa<AttentionOp>(op) ? RowFlow::Masked
                                  : RowFlow::Anything;
  case SequenceFlow::Select:
    return RowFlow::Select;
  case SequenceFlow::Sequence:
    return RowFlow::Anything;
  }
  llvm_unreachable("all flows are named above");
}

MaskAttr heed::attn::flowMaskOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, MaskAttr>(op)
      .Case<MaskOp, MaskedSoftmaxOp, AttentionOp>(
          [](auto masked) { return masked.getMask(); })
      .Default(MaskAttr());
}

std::optional<int64_t> heed::attn::shiftOf(OpOperand &operand) {
  if (auto slice = dyn_cast<SliceOp>(operand.getOwner()))
    return slice.getLo();
  int64_t before = 0;
  for (Value part : operand.getOwner()->getOperands().take_front(
           operand.getOperandNumber())) {
    int64_t size = cast<RankedTensorType>(part.getType()).getShape().back();
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    before += size;
  }
  return -before;
}
