//===- FusePrologue.cpp - A norm moves into the linears it feeds ----------===//
#include "passes/FusedLinear.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_FUSEPROLOGUE
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "fuse-prologue";

/// A linear that reads `value` as its x and has no prologue yet.
FusedLinearOp linearOf(OpOperand &use) {
  auto linear = dyn_cast<FusedLinearOp>(use.getOwner());
  bool isX = linear && use.getOperandNumber() == 0;
  return isX && isPlain(linear.getPrologue()) ? linear : FusedLinearOp();
}

struct FusePrologue : impl::FusePrologueBase<FusePrologue> {
  void runOnOperation() override {
    SmallVector<NormOp> norms;
    getOperation()->walk([&](NormOp op) {
      if (!isa<FusedLinearOp>(op->getParentOp()))
        norms.push_back(op);
    });
    for (NormOp norm : norms)
      fuse(norm);
  }

  void fuse(NormOp norm) {
    SmallVector<FusedLinearOp> linears;
    for (OpOperand &use : norm->getUses())
      if (FusedLinearOp linear = linearOf(use))
        linears.push_back(linear);
    if (linears.empty())
      return;
    if (linears.size() !=
        (size_t)std::distance(norm->use_begin(), norm->use_end())) {
      declined(
          norm, Name,
          "the norm stays apart: not only linears read the normalised rows");
      return;
    }
    for (FusedLinearOp linear : linears) {
      Block &prologue = linear.getPrologue().front();
      OpBuilder builder(prologue.getTerminator());
      auto inside = cast<NormOp>(builder.clone(*norm));
      inside.getXMutable().assign(prologue.getArgument(0));
      prologue.getTerminator()->setOperand(0, inside.getResult());
      linear.getXMutable().assign(norm.getX());
    }
    done(norm, Name,
         Twine("the norm is the prologue of the linear") +
             (linears.size() > 1 ? "s that read it" : " that reads it"));
    norm.erase();
  }
};
} // namespace
} // namespace heed
