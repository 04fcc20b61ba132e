//===- ModelDescription.cpp - What the runtime must know, from the IR -----===//
#include "codegen/ModelDescription.h"

#include "codegen/Arena.h"
#include "codegen/ModelCost.h"
#include "codegen/pack/PackedLayout.h"
#include "ir/Axes.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

static func::FuncOp entryOf(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("attn.entry"))
      return function;
  return {};
}

static ElementType elementTypeOf(Type type) {
  if (type.isInteger(32))
    return ElementType::I32;
  if (type.isInteger(64))
    return ElementType::I64;
  return ElementType::F32;
}

static ArgInfo describeArgument(ArgKind kind, StringRef name, Type type) {
  ArgInfo info{kind, name.str(), ElementType::F32, {}};
  if (auto ragged = dyn_cast<RaggedType>(type)) {
    info.type = ElementType::I32;
    info.axes.push_back({ragged.getAxis().getValue().str(), -1});
  }
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    info.type = elementTypeOf(tensor.getElementType());
    for (auto [axis, size] : llvm::zip(axisNames(tensor), tensor.getShape()))
      info.axes.push_back({axis.getValue().str(), ShapedType::isDynamic(size) ? -1 : size});
  }
  return info;
}

/// Ids index a table: the rows of the least that they index, or 0.
static uint32_t tableLimit(Value ids) {
  uint32_t limit = 0;
  for (Operation *user : ids.getUsers())
    if (auto embed = dyn_cast<EmbedOp>(user); embed && embed.getIds() == ids) {
      uint32_t rows = embed.getTable().getType().getShape()[0];
      limit = limit ? std::min(limit, rows) : rows;
    }
  return limit;
}

/// Whether only wanted rows go through what `handle` is used for.
static bool onlyWanted(HandleOp handle) {
  return llvm::all_of(handle->getUsers(), [](Operation *user) {
    return isa<EmbedOp>(user) || llvm::any_of(user->getResultTypes(), [](Type type) { return findAxis(type, axis::Output).has_value(); });
  });
}

ModelInfo describeModel(ModuleOp scheduled) {
  ModelInfo info;
  auto model = scheduled->getAttrOfType<DictionaryAttr>("attn.model");
  auto text = [&](StringRef key) {
    auto value = model ? model.getAs<StringAttr>(key) : StringAttr();
    return value ? value.getValue().str() : std::string();
  };
  info.name = text("name");
  if (auto context = model ? model.getAs<IntegerAttr>("context") : IntegerAttr())
    info.context = context.getInt();
  std::string kind = text("kind");
  info.kind = kind == "decoder"           ? ModelKind::Decoder
              : kind == "encoder"         ? ModelKind::Encoder
              : kind == "encoder_decoder" ? ModelKind::EncoderDecoder
                                          : ModelKind::Tensors;
  func::FuncOp entry = entryOf(scheduled);
  for (auto [i, type] : llvm::enumerate(entry.getArgumentTypes())) {
    auto name = entry.getArgAttrOfType<StringAttr>(i, "attn.name");
    auto role = entry.getArgAttrOfType<StringAttr>(i, "attn.role");
    StringRef what = role ? role.getValue() : "input";
    if (auto cache = dyn_cast<CacheType>(type)) {
      if (info.cache.empty())
        info.args.insert(info.args.begin(), ArgInfo{ArgKind::Cache, "cache", ElementType::F32, {}});
      info.cache.push_back({static_cast<uint32_t>(cache.getKvHeads()), static_cast<uint32_t>(cache.getHead())});
      continue;
    }
    ArgKind argument = what == "tokens"        ? ArgKind::Tokens
                       : what == "token_types" ? ArgKind::TokenTypes
                       : what == "wanted"      ? ArgKind::Wanted
                       : isa<RaggedType>(type) ? ArgKind::Rows
                                               : ArgKind::Input;
    info.args.push_back(describeArgument(argument, name ? name.getValue() : what, type));
    info.args.back().limit = tableLimit(entry.getArgument(i));
    if (argument == ArgKind::Tokens)
      info.vocabulary = info.args.back().limit;
  }
  for (auto [i, type] : llvm::enumerate(entry.getResultTypes())) {
    if (isa<CacheType>(type))
      continue;
    auto name = entry.getResultAttrOfType<StringAttr>(i, "attn.name");
    info.args.push_back(describeArgument(ArgKind::Output, name ? name.getValue() : "output", type));
    if (info.args.back().name == "logits" && info.vocabulary == 0)
      info.vocabulary = cast<RankedTensorType>(type).getShape().back();
  }
  // Ids stay within the table that they index.
  if (!info.vocabulary)
    entry.walk([&](EmbedOp embed) {
      auto ids = dyn_cast<BlockArgument>(embed.getIds());
      auto role = ids ? entry.getArgAttrOfType<StringAttr>(ids.getArgNumber(), "attn.role") : StringAttr();
      if (role && role.getValue() == "tokens")
        info.vocabulary = cast<WeightType>(embed.getTable().getType()).getShape()[0];
    });
  // A decoded token reads every weight of a linear once, and one row of each embedding.
  llvm::StringSet<> read;
  scheduled.walk([&](Operation *op) {
    if (auto handle = dyn_cast<HandleOp>(op)) {
      auto type = handle.getType();
      bool linear = llvm::any_of(handle->getUsers(), [](Operation *user) { return !isa<EmbedOp, PositionEmbedOp>(user); });
      if (type.getShape().size() == 2 && linear && read.insert(handle.getWeight()).second) {
        (onlyWanted(handle) ? info.flopsPerOutput : info.flopsPerToken) += 2 * type.getShape()[0] * type.getShape()[1];
        info.weightBytesPerToken += packedBytes(type);
      }
    }
  });
  return info;
}

namespace {

/// Collects the floating-point operations of a call as a polynomial of its dynamic axes.
class Cost {
public:
  explicit Cost(ModelInfo &info) : info(info) {}

  /// All ops of a function, `times` over.
  void function(func::FuncOp function, double times) {
    for (Operation &op : function.getBody().front()) {
      if (auto call = dyn_cast<func::CallOp>(op))
        this->function(SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr()), times);
      else if (auto linear = dyn_cast<FusedLinearOp>(op))
        for (Value weight : linear.getWeights())
          product(linear.getX().getType(), 2 * times * cast<WeightType>(weight.getType()).getShape()[0]);
      else if (auto linear = dyn_cast<LinearOp>(op))
        product(linear.getX().getType(), 2 * times * cast<WeightType>(linear.getWeight().getType()).getShape()[0]);
      else if (auto attention = dyn_cast<AttentionOp>(op))
        pairs(attention, times);
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
  uint32_t number(StringRef axis) { return llvm::find(info.axes, axis.str()) - info.axes.begin(); }

  /// 4 * head for each allowed pair: all, causal, or a causal window of W (from W queries on).
  void pairs(AttentionOp op, double times) {
    auto keys = dyn_cast<RankedTensorType>(op.getK().getType());
    MaskAttr mask = op.getMask();
    if (!keys || op.getQRows() || mask.getDisjuncts().size() != 1) {
      known = false;
      return;
    }
    auto q = cast<RankedTensorType>(op.getQ().getType());
    auto oneKey = [&](double flops) { product(q, flops); };
    auto axisSize = [&](Type type, StringRef axis, double flops) {
      int64_t size = cast<RankedTensorType>(type).getDimSize(*findAxis(type, axis));
      if (ShapedType::isDynamic(size))
        product(q, flops, {number(axis)});
      else
        product(q, flops * size);
    };
    if (mask.allowsAll()) {
      axisSize(keys, op.getKvAxis(), 4 * times);
      return;
    }
    // Constraints q - kv >= 0 and kv - q + W - 1 >= 0.
    bool causal = false;
    int64_t window = 0;
    IntegerSet set = mask.getDisjuncts()[0];
    MLIRContext *context = op.getContext();
    AffineExpr difference = getAffineDimExpr(0, context) - getAffineDimExpr(1, context);
    for (AffineExpr constraint : set.getConstraints()) {
      AffineExpr rest = simplifyAffineExpr(constraint + difference, 2, set.getNumSymbols());
      if (simplifyAffineExpr(constraint - difference, 2, set.getNumSymbols()) == getAffineConstantExpr(0, context))
        causal = true;
      else if (auto constant = dyn_cast<AffineConstantExpr>(rest))
        window = constant.getValue() + 1;
      else
        known = false;
    }
    known &= causal;
    if (window) {
      oneKey(4 * times * window);
      // The first W - 1 queries see less; a constant, once a head.
      double heads = cast<RankedTensorType>(op.getQ().getType()).getShape().back();
      if (findAxis(q, axis::Heads))
        heads *= q.getDimSize(*findAxis(q, axis::Heads));
      info.cost.push_back({{}, -2.0 * times * window * (window - 1) * heads});
    } else {
      axisSize(q, op.getQAxis(), 2 * times);
      oneKey(2 * times);
    }
  }

  ModelInfo &info;
};

} // namespace

void addMemoryPlan(ModelInfo &info, ModuleOp scheduled, ModuleOp tiled) {
  for (Attribute axis : tiled->getAttrOfType<ArrayAttr>("attn.axes"))
    info.axes.push_back(cast<StringAttr>(axis).getValue().str());
  info.scratch = tiled->getAttrOfType<IntegerAttr>("attn.scratch").getInt();
  // The entry's regions, then for each region of any callee the most that one needs.
  auto addRegions = [&](func::FuncOp function, bool shared) {
    FunctionArena arena(function);
    for (const FunctionArena::Region &region : arena.regions()) {
      ArenaClass added{{}, static_cast<uint64_t>(region.bytes)};
      for (StringAttr axis : region.axes)
        added.axes.push_back(llvm::find(info.axes, axis.getValue().str()) - info.axes.begin());
      auto same = llvm::find_if(info.arena, [&](const ArenaClass &other) { return shared && other.axes == added.axes; });
      if (same == info.arena.end())
        info.arena.push_back(added);
      else
        same->bytes = std::max(same->bytes, added.bytes);
    }
  };
  std::vector<ArenaClass> own;
  func::FuncOp entry = entryOf(scheduled);
  Cost cost(info);
  cost.function(entry, 1);
  if (!cost.known)
    info.cost.clear();
  addRegions(entry, false);
  own.swap(info.arena);
  for (auto function : scheduled.getOps<func::FuncOp>())
    if (function != entry && !function.isDeclaration())
      addRegions(function, true);
  info.arena.insert(info.arena.begin(), own.begin(), own.end());
  addCost(info, scheduled);
}

} // namespace heed
