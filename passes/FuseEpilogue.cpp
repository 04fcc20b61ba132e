//===- FuseEpilogue.cpp - What follows a linear moves into it -------------===//
#include "passes/Passes.h"
#include "passes/Remarks.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_FUSEEPILOGUE
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "fuse-epilogue";

bool canStandInEpilogue(Operation *op) {
  return isa<BiasOp, ActivationOp, ScaleOp, MulOp, AddOp, SplitHeadsOp, RopeOp,
             CacheAppendOp>(op);
}

/// The one op that uses `result`, in the linear's block; null when there are
/// several or none.
Operation *onlyUser(OpResult result) {
  if (result.use_empty())
    return nullptr;
  Operation *user = *result.user_begin();
  bool only = llvm::all_of(result.getUsers(),
                           [&](Operation *other) { return other == user; });
  return only && user->getBlock() == result.getOwner()->getBlock() ? user
                                                                   : nullptr;
}

/// The linear may stand just before `user`: nothing before reads its results.
bool canSink(FusedLinearOp linear, Operation *user) {
  return llvm::all_of(linear->getUsers(), [&](Operation *other) {
    Operation *inBlock = linear->getBlock()->findAncestorOpInBlock(*other);
    return inBlock && !inBlock->isBeforeInBlock(user);
  });
}

/// Why `user` cannot move into the linear; empty when it can.
StringRef whyNot(FusedLinearOp linear, Operation *user) {
  DominanceInfo dominance;
  bool ready = true;
  for (Value operand : user->getOperands()) {
    if (operand.getDefiningOp() != linear.getOperation())
      ready &= dominance.properlyDominates(operand, linear);
    else if (onlyUser(cast<OpResult>(operand)) != user)
      return "the linear's result is used elsewhere too";
  }
  return ready || canSink(linear, user) ? ""
                                        : "another operand is made after the "
                                          "linear's other results are used";
}

/// The linear with `user` at the end of its epilogue: in place of the results
/// that `user` reads stands what it makes.
FusedLinearOp absorb(FusedLinearOp linear, Operation *user) {
  Operation *yield = linear.getEpilogue().front().getTerminator();
  IRMapping inside;
  inside.map(linear.getResults(), yield->getOperands());
  Operation *moved = OpBuilder(yield).clone(*user, inside);

  SmallVector<Value> yielded, replaced;
  bool placed = false;
  for (OpResult result : linear.getResults()) {
    if (onlyUser(result) != user) {
      yielded.push_back(inside.lookup(result));
      replaced.push_back(result);
    } else if (!placed) {
      yielded.push_back(moved->getResult(0));
      replaced.push_back(user->getResult(0));
      placed = true;
    }
  }
  yield->setOperands(yielded);

  OpBuilder builder(user);
  if (!canSink(linear, user))
    builder.setInsertionPoint(linear);
  auto grown = FusedLinearOp::create(
      builder, builder.getFusedLoc({linear.getLoc(), user->getLoc()}),
      TypeRange(ValueRange(yielded)), linear.getX(), linear.getWeights(),
      linear.getScheduleAttr());
  grown.getPrologue().takeBody(linear.getPrologue());
  grown.getEpilogue().takeBody(linear.getEpilogue());
  for (auto [from, to] : llvm::zip(replaced, grown.getResults()))
    from.replaceAllUsesWith(to);
  user->erase();
  linear.erase();
  return grown;
}

struct FuseEpilogue : impl::FuseEpilogueBase<FuseEpilogue> {
  void runOnOperation() override {
    SmallVector<FusedLinearOp> linears;
    getOperation()->walk([&](FusedLinearOp op) { linears.push_back(op); });
    for (bool changed = true; changed;) {
      changed = false;
      for (FusedLinearOp &linear : linears)
        while (Operation *next = findNext(linear)) {
          done(next, Name,
               next->getName().getStringRef() +
                   " joins the epilogue of the linear");
          linear = absorb(linear, next);
          changed = true;
        }
    }
    for (FusedLinearOp linear : linears)
      for (Operation *user :
           llvm::SetVector<Operation *>(llvm::from_range, linear->getUsers()))
        if (canStandInEpilogue(user) && user->getBlock() == linear->getBlock())
          declined(user, Name,
                   user->getName().getStringRef() +
                       " stays outside the linear: " + whyNot(linear, user));
  }

  static Operation *findNext(FusedLinearOp linear) {
    for (OpResult result : linear.getResults())
      if (Operation *user = onlyUser(result);
          user && canStandInEpilogue(user) && whyNot(linear, user).empty())
        return user;
    return nullptr;
  }
};
} // namespace
} // namespace heed
