//===- ModelDescription.cpp - What the runtime must know, from the IR -----===//
#include "codegen/ModelDescription.h"

#include "codegen/Arena.h"
#include "codegen/ModelCost.h"
#include "codegen/ScoreAxes.h"
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
  if (type.isBF16())
    return ElementType::BF16;
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
      info.axes.push_back(
          {axis.getValue().str(), ShapedType::isDynamic(size) ? -1 : size});
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
    return isa<EmbedOp>(user) ||
           llvm::any_of(user->getResultTypes(), [](Type type) {
             return findAxis(type, axis::Output).has_value();
           });
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
  if (auto context =
          model ? model.getAs<IntegerAttr>("context") : IntegerAttr())
    info.context = context.getInt();
  std::string kind = text("kind");
  info.kind = kind == "decoder"           ? ModelKind::Decoder
              : kind == "encoder"         ? ModelKind::Encoder
              : kind == "encoder_decoder" ? ModelKind::EncoderDecoder
                                          : ModelKind::Tensors;
  func::FuncOp entry = entryOf(scheduled);
  if (auto firstCall = entry->getAttrOfType<IntegerAttr>("attn.first_call"))
    info.firstCall = firstCall.getInt();
  for (auto [i, type] : llvm::enumerate(entry.getArgumentTypes())) {
    auto name = entry.getArgAttrOfType<StringAttr>(i, "attn.name");
    auto role = entry.getArgAttrOfType<StringAttr>(i, "attn.role");
    StringRef what = role ? role.getValue() : "input";
    if (auto cache = dyn_cast<CacheType>(type)) {
      if (info.cache.empty())
        info.args.insert(
            info.args.begin(),
            ArgInfo{ArgKind::Cache, "cache", ElementType::F32, {}});
      info.cache.push_back({static_cast<uint32_t>(cache.getKvHeads()),
                            static_cast<uint32_t>(cache.getHead())});
      continue;
    }
    ArgKind argument = what == "tokens"        ? ArgKind::Tokens
                       : what == "token_types" ? ArgKind::TokenTypes
                       : what == "wanted"      ? ArgKind::Wanted
                       : isa<RaggedType>(type) ? ArgKind::Rows
                                               : ArgKind::Input;
    info.args.push_back(
        describeArgument(argument, name ? name.getValue() : what, type));
    info.args.back().limit = tableLimit(entry.getArgument(i));
    if (argument == ArgKind::Tokens)
      info.vocabulary = info.args.back().limit;
  }
  auto renamed = scoreAxes(scheduled);
  for (auto [i, type] : llvm::enumerate(entry.getResultTypes())) {
    if (isa<CacheType>(type))
      continue;
    auto name = entry.getResultAttrOfType<StringAttr>(i, "attn.name");
    info.args.push_back(describeArgument(
        ArgKind::Output, name ? name.getValue() : "output", type));
    for (AxisInfo &axis : info.args.back().axes)
      if (StringAttr elsewhere =
              renamed.lookup(StringAttr::get(type.getContext(), axis.name)))
        axis.name = elsewhere.str();
    if (info.args.back().name == "logits" && info.vocabulary == 0)
      info.vocabulary = cast<RankedTensorType>(type).getShape().back();
  }
  // Ids stay within the table that they index.
  if (!info.vocabulary)
    entry.walk([&](EmbedOp embed) {
      auto ids = dyn_cast<BlockArgument>(embed.getIds());
      auto role = ids ? entry.getArgAttrOfType<StringAttr>(ids.getArgNumber(),
                                                           "attn.role")
                      : StringAttr();
      if (role && role.getValue() == "tokens")
        info.vocabulary =
            cast<WeightType>(embed.getTable().getType()).getShape()[0];
    });
  // A decoded token reads every weight of a linear once, and one row of each
  // embedding.
  llvm::StringSet<> read;
  scheduled.walk([&](Operation *op) {
    if (auto handle = dyn_cast<HandleOp>(op)) {
      auto type = handle.getType();
      bool linear = llvm::any_of(handle->getUsers(), [](Operation *user) {
        return !isa<EmbedOp, PositionEmbedOp>(user);
      });
      if (type.getShape().size() == 2 && linear &&
          read.insert(handle.getWeight()).second) {
        (onlyWanted(handle) ? info.flopsPerOutput : info.flopsPerToken) +=
            2 * type.getShape()[0] * type.getShape()[1];
        info.weightBytesPerToken += packedBytes(type);
      }
    }
  });
  return info;
}

void addMemoryPlan(ModelInfo &info, ModuleOp scheduled, ModuleOp tiled) {
  for (Attribute axis : tiled->getAttrOfType<ArrayAttr>("attn.axes"))
    info.axes.push_back(cast<StringAttr>(axis).getValue().str());
  info.scratch = tiled->getAttrOfType<IntegerAttr>("attn.scratch").getInt();
  // The entry's regions, then for each region of any callee the most that one
  // needs.
  auto addRegions = [&](func::FuncOp function, bool shared) {
    FunctionArena arena(function);
    for (const FunctionArena::Region &region : arena.regions()) {
      ArenaClass added{{}, static_cast<uint64_t>(region.bytes)};
      for (StringAttr axis : region.axes)
        added.axes.push_back(llvm::find(info.axes, axis.getValue().str()) -
                             info.axes.begin());
      auto same = llvm::find_if(info.arena, [&](const ArenaClass &other) {
        return shared && other.axes == added.axes;
      });
      if (same == info.arena.end())
        info.arena.push_back(added);
      else
        same->bytes = std::max(same->bytes, added.bytes);
    }
  };
  std::vector<ArenaClass> own;
  func::FuncOp entry = entryOf(scheduled);
  addRegions(entry, false);
  own.swap(info.arena);
  for (auto function : scheduled.getOps<func::FuncOp>())
    if (function != entry && !function.isDeclaration())
      addRegions(function, true);
  info.arena.insert(info.arena.begin(), own.begin(), own.end());
  addCost(info, scheduled);
  addCacheReads(info, scheduled);
}

void addTarget(ModelInfo &info, const ModelInfo &other) {
  info.scratch = std::max(info.scratch, other.scratch);
  assert(info.axes == other.axes && info.arena.size() == other.arena.size() &&
         "a target has no say in what is computed");
  for (auto [one, two] : llvm::zip(info.arena, other.arena))
    one.bytes = std::max(one.bytes, two.bytes);
}

} // namespace heed
