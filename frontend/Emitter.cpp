//===- Emitter.cpp - The functions of a model -----------------------------===//
#include "frontend/Emitter.h"

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

static constexpr int64_t Dynamic = ShapedType::kDynamic;

Emitter::Emitter(const Model &model, ModuleOp module, Diagnostics &diags)
    : model(model), module(module), context(module.getContext()), diags(diags),
      weights(model, module, diags), names(model.names),
      here(UnknownLoc::get(context)) {}

Location Emitter::loc(Place at) const {
  return FileLineColLoc::get(context, model.path, at.line, at.column);
}

std::string heed::describeType(Type type) {
  std::string out = "[";
  for (StringAttr name : attn::axisNames(type)) {
    int64_t size = attn::axisSize(type, name);
    out += (out.size() > 1 ? ", " : "") + name.str();
    if (!ShapedType::isDynamic(size))
      out += "=" + std::to_string(size);
  }
  return out + "]";
}

void Emitter::emit() {
  if (model.encoder) {
    tokenAxis = model.decoder ? "source" : "token";
    emitTokens(*model.encoder, model.decoder ? "encode" : "step");
  }
  if (model.decoder) {
    tokenAxis = "token";
    isDecoder = true;
    emitTokens(*model.decoder, "step");
  }
  if (!model.hasTokens())
    emitTensors();
  checkBlocksAreUsed();
  setModelAttr();
}

void Emitter::addInputs(Scope &top, ArgRank rank) {
  for (const InputDecl &input : model.inputs) {
    Type element = input.isShort   ? Type(BFloat16Type::get(context))
                   : input.isFloat ? Type(Float32Type::get(context))
                                   : IntegerType::get(context, 32);
    SmallVector<StringRef> axes(input.axes.begin(), input.axes.end());
    SmallVector<int64_t> sizes;
    for (int64_t size : input.sizes)
      sizes.push_back(size < 0 ? Dynamic : size);
    Value arg =
        top.addArg(rank, attn::tensorOf(element, axes, sizes), loc(input.at));
    top.describe(arg, "input", input.name);
    top.bindings[input.name] = arg;
  }
}

//===----------------------------------------------------------------------===//
// Models of tokens
//===----------------------------------------------------------------------===//

/// Names the results, and marks the function as an entry.
static void finishEntry(Scope &scope,
                        ArrayRef<std::pair<StringRef, Value>> results,
                        Location loc) {
  SmallVector<Value> values;
  for (auto [name, value] : results)
    values.push_back(value);
  OpBuilder &b = scope.builder();
  scope.finish(values, loc);
  unsigned caches = 0;
  for (auto [i, arg] : llvm::enumerate(scope.args))
    if (arg.rank == ArgRank::Cache) {
      auto name = b.getStringAttr("cache" + Twine(caches));
      scope.func.setArgAttr(i, "attn.role", b.getStringAttr("cache"));
      scope.func.setArgAttr(i, "attn.name", name);
      scope.func.setResultAttr(results.size() + caches++, "attn.name", name);
    }
  for (auto [i, result] : llvm::enumerate(results))
    scope.func.setResultAttr(i, "attn.name", b.getStringAttr(result.first));
  scope.func->setAttr("attn.entry", b.getUnitAttr());
}

void Emitter::emitTokens(const Node &node, StringRef function) {
  Scope top(module, nullptr, function, loc(node.at), nullptr);
  scope = entry = &top;
  entryArgs.clear();
  hiddenState = {};
  tokens();
  rows(tokenAxis);
  addInputs(top, ArgRank::Input);
  Value encoded;
  if (isDecoder && model.encoder)
    if (auto encode = module.lookupSymbol<func::FuncOp>("encode");
        encode && encode.getNumResults()) {
      encoded = top.addArg(ArgRank::Input, encode.getResultTypes()[0],
                           loc(model.encoder->at));
      top.describe(encoded, "encoded", "encoded");
      top.bindings["encoder"] = encoded;
    }

  Value x = pipeline(node, {{}, false});
  SmallVector<std::pair<StringRef, Value>> results;
  if (x) {
    StringRef axis = attn::axisNames(x.getType()).empty()
                         ? StringRef()
                         : attn::axisNames(x.getType()).front().getValue();
    if (isDecoder && axis != attn::axis::Output)
      error(node.isList() ? node.items.back()->at : node.at,
            "a decoder ends in `logits`, this makes " +
                describeType(x.getType()));
    StringRef name = isDecoder                      ? "logits"
                     : axis == attn::axis::Sequence ? "embedding"
                                                    : "last_hidden_state";
    results.push_back({name, x});
    if (!isDecoder && hiddenState && name == "embedding")
      results.push_back({"last_hidden_state", hiddenState});
  }
  finishEntry(top, results, loc(node.at));
  scope = entry = nullptr;
}

Value Emitter::entryArg(StringRef key, ArgRank rank, Type type, StringRef role,
                        StringRef name) {
  Value &known = entryArgs[key.str()];
  if (!known) {
    known = entry->addArg(rank, type, here);
    entry->describe(known, role, name);
  }
  return scope->local(known, rank);
}

static Type ids(MLIRContext *context, StringRef axis) {
  return attn::tensorOf(IntegerType::get(context, 32), {axis}, {Dynamic});
}

Value Emitter::tokens() {
  return entryArg("tokens", ArgRank::Value, ids(context, tokenAxis), "tokens",
                  tokenAxis == "token" ? "tokens" : "source_tokens");
}
Value Emitter::tokenTypes() {
  return entryArg("token_types", ArgRank::TokenTypes, ids(context, tokenAxis),
                  "token_types", "token_types");
}
Value Emitter::wanted() {
  return entryArg("wanted", ArgRank::Wanted, ids(context, attn::axis::Output),
                  "wanted", "wanted");
}
Value Emitter::rows(StringRef axis) {
  auto type = attn::RaggedType::get(context, StringAttr::get(context, axis));
  return entryArg(("rows " + axis).str(), ArgRank::Rows, type, "rows",
                  axis == "token" ? "rows" : "source_rows");
}

Value Emitter::raggedOf(Value x) {
  if (!model.hasTokens())
    return {};
  for (StringAttr name : attn::axisNames(x.getType()))
    if (name == tokenAxis || (name == "source" && model.encoder && isDecoder))
      return rows(name);
  return {};
}

//===----------------------------------------------------------------------===//
// Models of plain tensors
//===----------------------------------------------------------------------===//

void Emitter::emitTensors() {
  Place at = model.outputs.empty() ? Place{1, 1} : model.outputs[0].at;
  Scope top(module, nullptr, "run", loc(at), nullptr);
  scope = entry = &top;
  addInputs(top, ArgRank::Value);
  for (const NamedNode &let : model.lets)
    top.bindings[let.name] = pipeline(*let.node, {{}, false});
  SmallVector<std::pair<StringRef, Value>> results;
  for (const NamedNode &output : model.outputs)
    if (Value x = pipeline(*output.node, {{}, false}))
      results.push_back({output.name, x});
  finishEntry(top, results, loc(at));
  scope = entry = nullptr;
}

//===----------------------------------------------------------------------===//
// The model as a whole
//===----------------------------------------------------------------------===//

void Emitter::checkBlocksAreUsed() {
  for (const NamedNode &block : model.blocks)
    if (!usedBlocks.count(block.name))
      error(block.at, "block `" + block.name + "` is never used");
}

void Emitter::setModelAttr() {
  Builder b(context);
  SmallVector<NamedAttribute> attrs;
  auto put = [&](StringRef key, Attribute value) {
    attrs.push_back(b.getNamedAttr(key, value));
  };
  put("name", b.getStringAttr(model.name));
  put("kind", b.getStringAttr(model.decoder && model.encoder ? "encoder_decoder"
                              : model.decoder                ? "decoder"
                              : model.encoder                ? "encoder"
                                                             : "tensors"));
  if (model.context)
    put("context", b.getI64IntegerAttr(model.context));
  if (!weights.path().empty())
    put("weights", b.getStringAttr(weights.path()));
  if (const Node *node = model.tokenizer) {
    if (node->isScalar() && node->text == "weights") {

      bool isKnown = weights.file() || weights.path().starts_with("random:");
      if (isKnown && !(weights.file() && weights.file()->gguf()))
        error(node->at, "`tokenizer: weights` needs a GGUF file; name a "
                        "tokenizer.json, vocab.txt or spiece.model");
      put("tokenizer", b.getStringAttr(weights.path()));
    } else if (std::optional<std::string> path =
                   findFile(model, *node, diags)) {
      put("tokenizer", b.getStringAttr(*path));
    }
  }
  if (!model.promises.empty()) {
    SmallVector<StringRef> promises;
    for (const Promise &promise : model.promises)
      promises.push_back(promise.text);
    put("promises", b.getStrArrayAttr(promises));
  }
  module->setAttr("attn.model", b.getDictionaryAttr(attrs));
}
