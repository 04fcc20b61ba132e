//===- ModelCost.cpp - What one call of a model computes ------------------===//
#include "codegen/ModelCost.h"

#include "ir/Axes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
namespace {

/// Collects the floating-point operations of a call as a polynomial of its
/// dynamic axes.
class Cost {
public:
  explicit Cost(ModelInfo &info) : info(info) {}

  /// All ops of a function and of what it calls.
  void function(func::FuncOp function) {
    for (Operation &op : function.getBody().front()) {
      if (auto call = dyn_cast<func::CallOp>(op))
        this->function(SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
            call, call.getCalleeAttr()));
      else if (auto linear = dyn_cast<FusedLinearOp>(op))
        for (Value weight : linear.getWeights())
          product(linear.getX().getType(),
                  2.0 * cast<WeightType>(weight.getType()).getShape()[0]);
      else if (auto linear = dyn_cast<LinearOp>(op))
        product(
            linear.getX().getType(),
            2.0 * cast<WeightType>(linear.getWeight().getType()).getShape()[0]);
      else if (auto attention = dyn_cast<AttentionOp>(op))
        pairs(attention);
    }
  }
  /// False when some op has no closed figure.
  bool known = true;

private:
  /// `flops` times the size of every axis of a tensor.
  void product(Type tensor, double flops, std::vector<uint32_t> axes = {}) {
    auto type = cast<RankedTensorType>(tensor);
    for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
      if (ShapedType::isDynamic(size))
        axes.push_back(number(name.getValue()));
      else
        flops *= size;
    info.cost.push_back({axes, flops});
  }
  uint32_t number(StringRef axis) {
    return llvm::find(info.axes, axis.str()) - info.axes.begin();
  }

  /// 4 * head for each allowed pair: all, causal, or a causal window of W (from
  /// W queries on).
  void pairs(AttentionOp op) {
    auto keys = dyn_cast<RankedTensorType>(op.getK().getType());
    MaskAttr mask = op.getMask();
    if (!keys || op.getQRows() || mask.getDisjuncts().size() != 1) {
      known = false;
      return;
    }
    auto q = cast<RankedTensorType>(op.getQ().getType());
    auto axisSize = [&](Type type, StringRef axis, double flops) {
      int64_t size =
          cast<RankedTensorType>(type).getDimSize(*findAxis(type, axis));
      if (ShapedType::isDynamic(size))
        product(q, flops, {number(axis)});
      else
        product(q, flops * size);
    };
    if (mask.allowsAll()) {
      axisSize(keys, op.getKvAxis(), 4);
      return;
    }
    // Constraints q - kv >= 0 and kv - q + W - 1 >= 0.
    bool causal = false;
    int64_t window = 0;
    IntegerSet set = mask.getDisjuncts()[0];
    MLIRContext *context = op.getContext();
    AffineExpr difference =
        getAffineDimExpr(0, context) - getAffineDimExpr(1, context);
    for (AffineExpr constraint : set.getConstraints()) {
      AffineExpr rest =
          simplifyAffineExpr(constraint + difference, 2, set.getNumSymbols());
      if (simplifyAffineExpr(constraint - difference, 2, set.getNumSymbols()) ==
          getAffineConstantExpr(0, context))
        causal = true;
      else if (auto constant = dyn_cast<AffineConstantExpr>(rest))
        window = constant.getValue() + 1;
      else
        known = false;
    }
    known &= causal;
    if (window) {
      product(q, 4.0 * window);
      // The first W - 1 queries see less; a constant, once a head.
      double heads =
          cast<RankedTensorType>(op.getQ().getType()).getShape().back();
      if (findAxis(q, axis::Heads))
        heads *= q.getDimSize(*findAxis(q, axis::Heads));
      info.cost.push_back({{}, -2.0 * window * (window - 1) * heads});
    } else {
      axisSize(q, op.getQAxis(), 2);
      product(q, 2);
    }
  }

  ModelInfo &info;
};

/// Some range of full tiles goes from the first key to the queries.
bool seesEveryEarlierKey(AttentionOp op) {
  auto isFirst = [](AffineMap map) {
    return map.isConstant() &&
           llvm::all_of(map.getConstantResults(),
                        [](int64_t bound) { return bound <= 0; });
  };
  return op.getTileBounds() &&
         llvm::any_of(op.getTileBounds()->getLoops(), [&](TileLoopAttr loop) {
           return loop.getFull() && isFirst(loop.getLower()) &&
                  loop.getUpper().isFunctionOfSymbol(0) &&
                  loop.getUpper().getNumResults() == 1;
         });
}

uint64_t cacheBytesPerPosition(func::FuncOp function) {
  uint64_t bytes = 0;
  function.walk([&](Operation *op) {
    if (auto call = dyn_cast<func::CallOp>(op))
      bytes += cacheBytesPerPosition(
          SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
              call, call.getCalleeAttr()));
    else if (auto attention = dyn_cast<AttentionOp>(op))
      if (auto cache = dyn_cast<CacheType>(attention.getK().getType());
          cache && seesEveryEarlierKey(attention))
        bytes += 2 * cache.getKvHeads() * cache.getHead() *
                 cache.getElement().getIntOrFloatBitWidth() / 8;
  });
  return bytes;
}
} // namespace

void addCacheReads(ModelInfo &info, ModuleOp scheduled) {
  for (auto function : scheduled.getOps<func::FuncOp>())
    if (function->hasAttr("attn.entry"))
      info.cacheBytesPerPosition += cacheBytesPerPosition(function);
}

void addCost(ModelInfo &info, ModuleOp scheduled) {
  if (info.kind != ModelKind::Tensors)
    return;
  Cost cost(info);
  for (auto function : scheduled.getOps<func::FuncOp>())
    if (function->hasAttr("attn.entry"))
      cost.function(function);
  if (!cost.known)
    info.cost.clear();
}

} // namespace heed
