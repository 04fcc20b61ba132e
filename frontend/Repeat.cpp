//===- Repeat.cpp - Layers: one function for each distinct one ------------===//
#include "frontend/Emitter.h"
#include "frontend/Source.h"

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

/// `repeat: {block: layer, times: layers}`; `block: [local, global]` takes
/// turns. `first` is the number of the first layer.
Value Emitter::repeat(Fields &fields, Inflow x) {
  const Node *blockNode = fields.need("block");
  const Node *timesNode = fields.need("times");
  int64_t first = fields.integer("first").value_or(0);
  std::optional<int64_t> times =
      timesNode ? constInteger(*timesNode, names, diags) : std::nullopt;
  if (!blockNode)
    return {};
  std::vector<std::string> known;
  for (const NamedNode &block : model.blocks)
    known.push_back(block.name);
  std::vector<const NamedNode *> blocks;
  bool isList = blockNode->isList();
  for (const Node *name : isList ? ArrayRef<const Node *>(blockNode->items)
                                 : ArrayRef<const Node *>(blockNode)) {
    std::optional<StringRef> text =
        scalarText(*name, "the name of a block", diags);
    const NamedNode *found = nullptr;
    for (const NamedNode &block : model.blocks)
      if (text && block.name == *text)
        found = &block;
    if (text && !found)
      error(name->at,
            "no block is named `" + *text + "`" + didYouMean(*text, known));
    if (found && openBlocks.count(found->name)) {
      error(name->at, "block `" + *text + "` repeats itself");
      found = nullptr;
    }
    if (!found)
      return {};
    blocks.push_back(found);
  }
  if (times && (*times < 1 || *times * int64_t(blocks.size()) > 4096)) {
    error(timesNode->at,
          "`times` is " + Twine(*times) + "; expected 1 to 4096 layers");
    times.reset();
  }
  if (blocks.empty()) {
    error(blockNode->at, "expected the name of a block, found an empty list");
    return {};
  }

  std::optional<int64_t> outer = layer;
  std::optional<int64_t> outerName;
  if (auto it = names.integers.find("i"); it != names.integers.end())
    outerName = it->second;
  bool kept = diags.keepsFirstOfPlace();
  layer = first;

  for (int64_t turn = 0; turn < times.value_or(1) && stepsRun <= MaxSteps;
       ++turn) {
    for (const NamedNode *block : blocks) {
      names.integers["i"] = *layer;
      x.value = callBlock(*block, x.value);
      ++*layer;
    }
    diags.keepFirstOfPlace(true); // what is wrong in layer 0 is wrong in all
  }
  diags.keepFirstOfPlace(kept);
  layer = outer;
  if (outerName)
    names.integers["i"] = *outerName;
  else
    names.integers.erase("i");
  return x.value;
}

/// Builds the block as a function of its own, which is dropped when an earlier
/// layer is the same, and calls it.
Value Emitter::callBlock(const NamedNode &block, Value x) {
  usedBlocks.insert(block.name);
  openBlocks.insert(block.name);
  size_t errors = diags.count();
  std::string name = block.name;
  for (unsigned n = 1; SymbolTable::lookupSymbolIn(module, name) ||
                       name == "step" || name == "run" || name == "encode";
       ++n)
    name = block.name + "_" + std::to_string(n);
  Scope inner(module, entry->func, name, loc(block.at), scope);
  Value arg;
  if (x)
    arg = inner.addArg(ArgRank::Value, x.getType(), loc(block.at), x);
  auto outerStreams = std::exchange(streams, {});
  scope = &inner;
  Value y = pipeline(*block.node, {arg, true});
  scope = inner.parent();
  streams = outerStreams;
  openBlocks.erase(block.name);
  if (!x || !y || diags.count() != errors) {
    inner.finish({}, loc(block.at));
    inner.func.erase();
    return {};
  }
  inner.finish({y}, loc(block.at));

  Location at = NameLoc::get(
      b().getStringAttr(block.name + "." + std::to_string(*layer)), here);
  SmallVector<Value> operands, caches;
  for (const Scope::Arg &a : inner.args) {
    if (a.rank == ArgRank::Cache)
      caches.push_back(
          scope->addCache(cast<attn::CacheType>(a.value.getType()), at));
    operands.push_back(a.rank == ArgRank::Cache ? caches.back()
                       : a.weight ? scope->weight(*a.weight, a.value.getLoc())
                                  : a.outer);
  }
  func::FuncOp callee = shareLayer(block, inner); // may end the arguments
  auto call = func::CallOp::create(b(), at, callee, operands);
  for (auto [i, cache] : llvm::enumerate(caches))
    scope->appended(cache, call.getResult(i + 1));
  return call.getResult(0);
}

func::FuncOp Emitter::shareLayer(const NamedNode &block, Scope &layer) {
  std::vector<func::FuncOp> &known = layersOf[block.name];
  for (func::FuncOp other : known)
    if (other.getFunctionType() == layer.func.getFunctionType() &&
        OperationEquivalence::isRegionEquivalentTo(
            &other.getBody(), &layer.func.getBody(),
            OperationEquivalence::IgnoreLocations)) {
      layer.func.erase();
      return other;
    }
  known.push_back(layer.func);
  return layer.func;
}
