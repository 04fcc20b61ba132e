//===- StoreBf16.cpp - Weights that are multiplied in bf16 lie in bf16 ----===//
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_STOREBF16
#include "passes/Passes.h.inc"

namespace {
/// Pairs of f32, that an atom of bf16 would round anyway.
bool isRounded(Type type) {
  auto weight = dyn_cast<WeightType>(type);
  return weight && weight.getElement() == WeightElement::F32 &&
         weight.getShape().size() == 2 && weight.getShape()[1] % 2 == 0;
}

Type inBf16(Type type) {
  auto weight = cast<WeightType>(type);
  return WeightType::get(type.getContext(), weight.getShape(),
                         WeightElement::BF16);
}

/// What one use of a handle does with it: a layer's argument that it becomes,
/// or whether it is multiplied.
struct Use {
  Value argument;
  bool multiplied;
};
Use useOf(OpOperand &use) {
  if (auto call = dyn_cast<func::CallOp>(use.getOwner()))
    if (auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
            call, call.getCalleeAttr());
        callee && !callee.isExternal())
      return {callee.getArgument(use.getOperandNumber()), true};
  auto linear = dyn_cast<FusedLinearOp>(use.getOwner());
  return {{}, linear && llvm::is_contained(linear.getWeights(), use.get())};
}

struct StoreBf16 : impl::StoreBf16Base<StoreBf16> {
  void runOnOperation() override {
    // A layer's argument and all handles that calls give it are one class, and
    // so are all handles of a weight.
    llvm::EquivalenceClasses<void *> classes;
    SmallVector<Value> values;
    SymbolTable symbols(getOperation());
    getOperation().walk([&](Operation *op) {
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (Value argument : block.getArguments())
            if (isRounded(argument.getType()))
              values.push_back(argument);
      if (auto handle = dyn_cast<HandleOp>(op);
          handle && isRounded(handle.getType())) {
        values.push_back(handle.getResult());
        classes.unionSets(handle.getResult().getAsOpaquePointer(),
                          symbols.lookup(handle.getWeight()));
      }
    });
    llvm::DenseSet<void *> kept;
    SmallVector<void *> others;
    for (Value value : values)
      for (OpOperand &operand : value.getUses()) {
        Use use = useOf(operand);
        if (use.argument)
          classes.unionSets(value.getAsOpaquePointer(),
                            use.argument.getAsOpaquePointer());
        else if (!use.multiplied)
          others.push_back(value.getAsOpaquePointer());
      }
    // A class of which nothing is declared here: a function's own business.
    llvm::DenseSet<void *> declared;
    for (auto declare : getOperation().getOps<DeclareOp>())
      if (classes.contains(declare))
        declared.insert(classes.getLeaderValue(declare));
    for (void *value : others)
      if (classes.contains(value))
        kept.insert(classes.getLeaderValue(value));
    auto turns = [&](void *member) {
      if (!classes.contains(member))
        return false;
      void *leader = classes.getLeaderValue(member);
      return declared.contains(leader) && !kept.contains(leader);
    };
    for (auto declare : getOperation().getOps<DeclareOp>())
      if (turns(declare))
        declare.setType(cast<WeightType>(inBf16(declare.getType())));
    for (Value value : values)
      if (turns(value.getAsOpaquePointer()))
        value.setType(inBf16(value.getType()));
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        function.setType(FunctionType::get(
            &getContext(), function.getBody().front().getArgumentTypes(),
            function.getFunctionType().getResults()));
  }
};
} // namespace
} // namespace heed
