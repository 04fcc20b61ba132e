//===- FormLinears.cpp - linear -> fused_linear ---------------------------===//
#include "passes/FusedLinear.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_FORMLINEARS
#include "passes/Passes.h.inc"

namespace {
struct FormLinears : impl::FormLinearsBase<FormLinears> {
  void runOnOperation() override {
    SmallVector<LinearOp> linears;
    getOperation()->walk([&](LinearOp op) { linears.push_back(op); });
    for (LinearOp linear : linears) {
      OpBuilder builder(linear);
      auto formed = createPlainLinear(builder, linear.getLoc(), linear.getX(),
                                      linear.getWeight(), linear.getType());
      linear.replaceAllUsesWith(formed.getResult(0));
      linear.erase();
    }
  }
};
} // namespace
} // namespace heed
