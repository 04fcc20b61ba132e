//===- FuseMaskSoftmax.cpp - mask, softmax -> masked_softmax --------------===//
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_FUSEMASKSOFTMAX
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "fuse-mask-softmax";

struct FuseMaskSoftmax : impl::FuseMaskSoftmaxBase<FuseMaskSoftmax> {
  void runOnOperation() override {
    SmallVector<SoftmaxOp> softmaxes;
    getOperation()->walk([&](SoftmaxOp op) { softmaxes.push_back(op); });
    for (SoftmaxOp softmax : softmaxes)
      if (auto mask = softmax.getX().getDefiningOp<MaskOp>())
        fuse(mask, softmax);
  }

  void fuse(MaskOp mask, SoftmaxOp softmax) {
    if (!mask->hasOneUse()) {
      declined(
          softmax, Name,
          "mask and softmax stay apart: the masked scores are used elsewhere");
      return;
    }
    OpBuilder builder(softmax);
    auto fused = MaskedSoftmaxOp::create(
        builder, builder.getFusedLoc({mask.getLoc(), softmax.getLoc()}),
        softmax.getType(), mask.getX(), mask.getRows(), softmax.getSinks(),
        mask.getTables(), mask.getMask(), mask.getTableNamesAttr(),
        softmax.getAxis());
    done(softmax, Name, "mask and softmax are one pass");
    softmax.replaceAllUsesWith(fused.getResult());
    softmax.erase();
    mask.erase();
  }
};
} // namespace
} // namespace heed
