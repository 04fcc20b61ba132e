//===- ModelCost.cpp - What one call of a model computes ------------------===//
#include "codegen/ModelCost.h"

#include "ir/Axes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
namespace {

/// Multiplies the size of an axis, known or by name, into a term.
void multiply(const ModelInfo &info, CostTerm &term, StringRef axis,
              int64_t size) {
  if (ShapedType::isDynamic(size))
    term.axes.push_back(llvm::find(info.axes, axis.str()) - info.axes.begin());
  else
    term.flops *= size;
}

/// All axes of a tensor but the last.
void multiplyRows(const ModelInfo &info, CostTerm &term, Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  for (auto [axis, size] :
       llvm::zip(axisNames(type).drop_back(), type.getShape().drop_back()))
    multiply(info, term, axis.getValue(), size);
}

/// The terms of one op; false where they are not known.
bool addOp(ModelInfo &info, Operation *op) {
  auto addLinear = [&](Type x, Type weight) {
    ArrayRef<int64_t> shape = cast<WeightType>(weight).getShape();
    CostTerm term{{}, 2.0 * shape[0] * shape[1]};
    multiplyRows(info, term, x);
    info.cost.push_back(term);
  };
  if (auto linear = dyn_cast<LinearOp>(op)) {
    addLinear(linear.getX().getType(), linear.getWeight().getType());
  } else if (auto linear = dyn_cast<FusedLinearOp>(op)) {
    for (Value weight : linear.getWeights())
      addLinear(linear.getX().getType(), weight.getType());
  } else if (auto attention = dyn_cast<AttentionOp>(op)) {
    auto k = dyn_cast<RankedTensorType>(attention.getK().getType());
    auto v = dyn_cast<RankedTensorType>(attention.getV().getType());
    if (!k || !v || !attention.getMask().allowsAll())
      return false;
    CostTerm term{{}, 2.0 * (k.getShape().back() + v.getShape().back())};
    multiplyRows(info, term, attention.getQ().getType());
    multiply(info, term, attention.getKvAxis(),
             axisSize(k, attention.getKvAxis()));
    info.cost.push_back(term);
  } else if (isa<func::CallOp, ScoresOp, CombineOp>(op)) {
    return false;
  }
  return true;
}

} // namespace

void addCost(ModelInfo &info, ModuleOp scheduled) {
  if (info.kind != ModelKind::Tensors)
    return;
  bool known = true;
  scheduled.walk([&](Operation *op) { known = known && addOp(info, op); });
  for (const CostTerm &term : info.cost)
    for (uint32_t axis : term.axes)
      known = known && axis < info.axes.size();
  if (!known)
    info.cost.clear();
}

} // namespace heed
