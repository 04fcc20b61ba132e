//===- MergeLinears.cpp - Linears of one input become one -----------------===//
#include "passes/FusedLinear.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "mlir/IR/Dominance.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_MERGELINEARS
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "merge-linears";

struct MergeLinears : impl::MergeLinearsBase<MergeLinears> {
  void runOnOperation() override {
    // Block order, so that the first of a group dominates what the others'
    // results feed.
    llvm::MapVector<std::pair<Block *, Value>, SmallVector<FusedLinearOp>>
        groups;
    getOperation()->walk([&](FusedLinearOp op) {
      if (isPlain(op.getPrologue()) && isPlain(op.getEpilogue()))
        groups[{op->getBlock(), op.getX()}].push_back(op);
    });
    for (auto &[key, group] : groups)
      if (group.size() > 1)
        merge(group);
  }

  void merge(ArrayRef<FusedLinearOp> group) {
    FusedLinearOp first = group.front();
    SmallVector<FusedLinearOp> merged;
    SmallVector<Value> weights;
    SmallVector<Type> products;
    SmallVector<Location> locations;
    for (FusedLinearOp linear : group) {
      if (!bringWeightsBefore(linear, first)) {
        declined(linear, Name,
                 "not merged with the other linears of this input: its weight "
                 "is made later");
        continue;
      }
      merged.push_back(linear);
      llvm::append_range(weights, linear.getWeights());
      llvm::append_range(products, linear.getResultTypes());
      locations.push_back(linear.getLoc());
    }
    if (merged.size() < 2)
      return;

    OpBuilder builder(first);
    auto all = createPlainLinear(builder, builder.getFusedLoc(locations),
                                 first.getX(), weights, products);
    done(first, Name, Twine(merged.size()) + " linears of one input are one");
    auto results = all.getResults();
    for (FusedLinearOp linear : merged) {
      linear->replaceAllUsesWith(results.take_front(linear.getNumResults()));
      results = results.drop_front(linear.getNumResults());
      linear.erase();
    }
  }

  /// Handles of declared weights may stand anywhere, so they are moved; other
  /// weights must dominate already.
  static bool bringWeightsBefore(FusedLinearOp linear, FusedLinearOp first) {
    DominanceInfo dominance;
    auto late = [&](Value weight) {
      return !dominance.properlyDominates(weight, first);
    };
    for (Value weight : linear.getWeights())
      if (late(weight) && !weight.getDefiningOp<HandleOp>())
        return false;
    for (Value weight : linear.getWeights())
      if (late(weight))
        weight.getDefiningOp()->moveBefore(first);
    return true;
  }
};
} // namespace
} // namespace heed
