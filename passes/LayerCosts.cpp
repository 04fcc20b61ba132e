#include "passes/LayerCosts.h"

#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "passes/PairCounts.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/raw_ostream.h"

#include <numeric>

using namespace heed::attn;
using namespace mlir;

namespace heed {

LayerCost &LayerCost::operator+=(const LayerCost &other) {
  allowed += other.allowed;
  visited += other.visited;
  atMost |= other.atMost;
  attentionOperations += other.attentionOperations;
  linearOperations += other.linearOperations;
  keyBytes += other.keyBytes;
  cacheBytesPerPosition += other.cacheBytesPerPosition;
  if (missing.empty())
    missing = other.missing;
  return *this;
}

bool LayerCost::isLike(const LayerCost &other) const {
  auto key = [](const LayerCost &cost) {
    std::string pairs;
    for (const Attention &attention : cost.attentions)
      pairs += attention.pairs + ";" +
               std::to_string(attention.operationsOfPair) + ";";
    return std::tuple(pairs, cost.allowed, cost.atMost, cost.visited,
                      cost.attentionOperations, cost.linearOperations,
                      cost.keyBytes, cost.cacheBytesPerPosition, cost.missing);
  };
  return key(*this) == key(other);
}

namespace {
class Costs {
public:
  explicit Costs(ModuleOp module, int64_t length)
      : analysis(module), length(length) {}

  std::vector<LayerCost> layers;

  void entry(func::FuncOp entry) {
    LayerCost rest = ops(entry);
    rest.name = "the rest";
    if (!rest.isLike(LayerCost()))
      layers.push_back(std::move(rest));
  }

private:
  /// Of a function's own ops; each call of another one is a layer.
  LayerCost ops(func::FuncOp function) {
    LayerCost cost;
    function.walk([&](Operation *op) {
      if (auto call = dyn_cast<func::CallOp>(op)) {
        auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
            call, call.getCalleeAttr());
        if (!made.contains(callee)) {
          LayerCost fresh = ops(callee);
          made[callee] = std::move(fresh);
        }
        LayerCost layer = made[callee];
        auto name = dyn_cast<NameLoc>(call.getLoc());
        layer.name = name ? name.getName().str() : call.getCallee().str();
        layers.push_back(std::move(layer));
      } else if (auto linear = dyn_cast<FusedLinearOp>(op)) {
        for (Value weight : linear.getWeights())
          cost.linearOperations += operations(linear.getX(), weight);
      } else if (auto linear = dyn_cast<LinearOp>(op)) {
        cost.linearOperations += operations(linear.getX(), linear.getWeight());
      } else if (auto attention = dyn_cast<AttentionOp>(op)) {
        add(cost, attention);
      }
    });
    return cost;
  }

  /// 2 m n k: m n multiply-adds for each of the k elements of a row of x.
  int64_t operations(Value x, Value weight) {
    auto type = cast<RankedTensorType>(x.getType());
    int64_t elements = 1;
    for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
      elements *= !ShapedType::isDynamic(size)      ? size
                  : name.getValue() == axis::Output ? 1
                                                    : length;
    return 2 * elements * cast<WeightType>(weight.getType()).getShape()[0];
  }

  struct KeyShape {
    int64_t heads, head, bytes;
  };
  static KeyShape shapeOf(Type type) {
    if (auto cache = dyn_cast<CacheType>(type))
      return {cache.getKvHeads(), cache.getHead(),
              int64_t(cache.getElement().getIntOrFloatBitWidth() / 8)};
    auto tensor = cast<RankedTensorType>(type);
    int64_t heads = findAxis(tensor, axis::KvHeads)
                        ? axisSize(tensor, axis::KvHeads)
                        : axisSize(tensor, axis::Heads);
    return {heads, tensor.getShape().back(),
            int64_t(tensor.getElementTypeBitWidth() / 8)};
  }

  void add(LayerCost &cost, AttentionOp op) {
    KeyShape keys = shapeOf(op.getK().getType()),
             values = shapeOf(op.getV().getType());
    if (isa<CacheType>(op.getK().getType()))
      cost.cacheBytesPerPosition += keys.heads * keys.head * keys.bytes +
                                    values.heads * values.head * values.bytes;
    int64_t heads =
        std::max<int64_t>(1, axisSize(op.getQ().getType(), axis::Heads));
    auto queryType = cast<RankedTensorType>(op.getQ().getType());
    int64_t ofPair = 2 * (queryType.getShape().back() + values.head) * heads;
    MaskFacts &facts = analysis.of(op);
    if (!facts.error().empty()) {
      cost.missing = "an attention: " + facts.error();
      return;
    }
    std::string formula;
    llvm::raw_string_ostream os(formula);
    facts.count().print(os);
    cost.attentions.push_back({formula, ofPair});
    auto [queries, length] = lengthsOf(op, facts, this->length);
    int64_t tile = queriesOfTile(op);
    std::optional<PairCounts> pairs =
        countPairsOfHeads(op, facts, queries, length, tile);
    if (!pairs) {
      cost.missing = "an attention: a bound of its mask is looked up when it "
                     "runs";
      return;
    }
    if (!facts.conditions().conditions.empty())
      cost.missing = "what the tables of a mask forbid";
    // Batch axes repeat all of it.
    int64_t batch = 1;
    for (auto [name, size] :
         llvm::zip(axisNames(queryType), queryType.getShape().drop_back()))
      if (name.getValue() != op.getQAxis() && name.getValue() != axis::Heads &&
          !ShapedType::isDynamic(size))
        batch *= size;
    cost.allowed += batch * pairs->allowed;
    cost.atMost |= pairs->atMost;
    cost.attentionOperations += batch * pairs->allowed * (ofPair / heads);
    // Heads of a group read their keys together.
    int64_t keysRead = 0;
    size_t tiles = (queries + tile - 1) / tile;
    for (auto [i, visited] : llvm::enumerate(pairs->visited)) {
      cost.visited += batch * visited;
      int64_t first = int64_t(i % tiles) * tile;
      keysRead += visited / std::min(tile, queries - first);
    }
    cost.keyBytes += batch * (keysRead / headsOfTile(op)) *
                     (keys.head * keys.bytes + values.head * values.bytes);
  }

  MaskAnalysis analysis;
  int64_t length;
  llvm::DenseMap<Operation *, LayerCost> made;
};
} // namespace

std::vector<LayerCost> layerCosts(ModuleOp module, int64_t length) {
  Costs costs(module, length);
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("attn.entry"))
      costs.entry(function);
  return std::move(costs.layers);
}

} // namespace heed
