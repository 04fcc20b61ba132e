//===- Attention.cpp - One attention, unfused -----------------------------===//
#include "frontend/Emitter.h"
#include "frontend/ScoreExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

static constexpr int64_t Dynamic = ShapedType::kDynamic;

/// What the ops of one attention share.
struct Emitter::AttentionParts {
  Place at;
  Value q, k, v; // k and v: tensors, then the cache
  Value qRows, kvRows;
  std::string qAxis, kvAxis;
  std::string tokenKeys; // the axis of the keys before they went to a cache

  const Node *mask = nullptr, *score = nullptr;
  double scale = 1;
};

/// The sequence axis: the last that is no head.
static std::string sequenceAxis(Value x) {
  std::string found;
  for (StringAttr name : attn::axisNames(x.getType()))
    if (name != attn::axis::Heads && name != attn::axis::KvHeads &&
        name != attn::axis::Head)
      found = name.str();
  return found;
}

static int64_t headsOf(Value keys) {
  return attn::axisSize(keys.getType(), attn::axis::KvHeads,
                        attn::axisSize(keys.getType(), attn::axis::Heads));
}

Value Emitter::branch(const Node *node, Inflow x, StringRef heads) {
  if (!node)
    return {};
  std::string outside = std::exchange(headsName, heads.str());
  Value result = pipeline(*node, x);
  headsName = outside;
  return result;
}

/// Axes and sizes of q, k and v agree; says so in the words of the model file.
bool Emitter::checkShapes(const AttentionParts &parts) {
  auto fail = [&](const Twine &text) {
    error(parts.at, text);
    return false;
  };
  Type q = parts.q.getType();
  for (auto [name, value] : {std::pair("q", parts.q), std::pair("k", parts.k),
                             std::pair("v", parts.v)}) {
    std::string type = describeType(value.getType());
    if (!attn::findAxis(value.getType(), attn::axis::Head))
      return fail(Twine("`") + name + "` is " + type +
                  "; it needs an axis `head` (`heads` of a linear makes one)");
    if (ShapedType::isDynamic(
            attn::axisSize(value.getType(), attn::axis::Head)) ||
        ShapedType::isDynamic(headsOf(value)))
      return fail(Twine("`") + name + "` is " + type +
                  "; its heads and head must be known sizes");
    if (sequenceAxis(value).empty())
      return fail(Twine("`") + name + "` is " + type +
                  "; it needs an axis along which it attends");
  }
  int64_t heads = attn::axisSize(q, attn::axis::Heads),
          kvHeads = headsOf(parts.k);
  if (attn::axisSize(q, attn::axis::Head) !=
      attn::axisSize(parts.k.getType(), attn::axis::Head))
    return fail("`q` is " + describeType(q) + ", `k` is " +
                describeType(parts.k.getType()) + ": their `head` differ");
  if (heads % kvHeads)
    return fail(Twine(kvHeads) + " heads of `k` do not divide " + Twine(heads) +
                " heads of `q`");
  if (headsOf(parts.v) != kvHeads)
    return fail("`k` is " + describeType(parts.k.getType()) + ", `v` is " +
                describeType(parts.v.getType()) + ": their heads differ");
  for (Value keys : {parts.k, parts.v}) {
    if (sequenceAxis(keys) != parts.kvAxis)
      return fail("`k` is " + describeType(parts.k.getType()) + ", `v` is " +
                  describeType(parts.v.getType()) +
                  ": they attend along different axes");
    for (StringAttr name : attn::axisNames(keys.getType())) {
      bool role = name == attn::axis::Heads || name == attn::axis::KvHeads ||
                  name == attn::axis::Head || name == parts.kvAxis;
      if (!role &&
          attn::axisSize(keys.getType(), name) != attn::axisSize(q, name, 0))
        return fail("`q` is " + describeType(q) + ", the keys are " +
                    describeType(keys.getType()) + ": `" + name.str() +
                    "` is not an axis of `q`");
    }
  }
  // A result has q's axes, so v's head must be q's for now.
  if (attn::axisSize(parts.v.getType(), attn::axis::Head) !=
      attn::axisSize(q, attn::axis::Head))
    return fail("`q` is " + describeType(q) + ", `v` is " +
                describeType(parts.v.getType()) + ": their `head` differ");
  return true;
}

/// The keys and values of a decoder go to the cache of its layer.
void Emitter::appendCache(AttentionParts &parts) {
  auto type =
      attn::CacheType::get(context, headsOf(parts.k),
                           attn::axisSize(parts.k.getType(), attn::axis::Head),
                           Float32Type::get(context));
  Value cache = scope->addCache(type, here);
  Value now = attn::CacheAppendOp::create(b(), here, type, cache, parts.k,
                                          parts.v, parts.qRows);
  scope->appended(cache, now);
  parts.k = parts.v = now;
  parts.kvRows = {};
  parts.kvAxis = attn::axis::Key;
}

/// The shape of the scores: q's batch axes, heads, then queries by keys. Rows
/// of a ragged axis keep its name; keys run to the longest sequence.
static RankedTensorType scoresType(Value q, Value k, bool isRagged,
                                   StringRef qAxis, StringRef kvAxis) {
  Type type = q.getType();
  SmallVector<StringRef> names;
  SmallVector<int64_t> sizes;
  auto add = [&](StringRef name, int64_t size) {
    names.push_back(name);
    sizes.push_back(size);
  };
  for (StringAttr name : attn::axisNames(type))
    if (name != attn::axis::Heads && name != attn::axis::Head && name != qAxis)
      add(name, attn::axisSize(type, name));
  if (attn::findAxis(type, attn::axis::Heads))
    add(attn::axis::Heads, attn::axisSize(type, attn::axis::Heads));
  add(isRagged ? qAxis : StringRef(attn::axis::Query),
      attn::axisSize(type, qAxis));
  add(attn::axis::Key,
      isRagged ? Dynamic : attn::axisSize(k.getType(), kvAxis));
  return attn::tensorOf(Float32Type::get(q.getContext()), names, sizes);
}

Value Emitter::attention(Fields &fields, Inflow x) {
  AttentionParts parts;
  parts.at = fields.place();
  const Node *q = fields.need("q"), *k = fields.need("k"),
             *v = fields.need("v"), *from = fields.get("from"),
             *sinks = fields.get("sinks"), *out = fields.get("out");
  parts.mask = fields.get("mask");
  parts.score = fields.get("score");
  std::optional<double> scale = fields.number("scale");

  Inflow keysFrom = x;
  if (from)
    keysFrom = {named(*from), true};
  parts.q = branch(q, x, attn::axis::Heads);
  parts.k = branch(k, keysFrom, attn::axis::KvHeads);
  parts.v = branch(v, keysFrom, attn::axis::KvHeads);
  bool cached = isDecoder && !from;
  if (cached && !parts.mask)
    error(parts.at, "the attention of a decoder needs `mask` (`kv <= q`; `all` "
                    "lets it see later tokens)");

  Value result;
  if (parts.q && parts.k && parts.v) {
    parts.qAxis = sequenceAxis(parts.q);
    parts.kvAxis = parts.tokenKeys = sequenceAxis(parts.k);
    if (checkShapes(parts)) {
      parts.qRows = raggedOf(parts.q);
      parts.kvRows = raggedOf(parts.k);
      int64_t head = attn::axisSize(parts.q.getType(), attn::axis::Head);
      parts.scale = scale.value_or(1 / std::sqrt(double(head)));
      if (cached)
        appendCache(parts);
      result = combine(parts, sinks);
    }
  }
  if (!result) { // still report what is wrong in the rules
    parts.q = {};
    combine(parts, sinks);
  }
  if (!out)
    return result;
  if (result && attn::findAxis(result.getType(), attn::axis::Heads))
    result = applyMerge(result, out->at);
  return pipeline(*out, {result, true});
}

/// scores, score rule, mask, softmax, combine. Without q it only reports what
/// the rules have wrong.
Value Emitter::combine(const AttentionParts &parts, const Node *sinks) {
  Value scores, sinkHandle;
  int64_t heads = UnknownSize;
  if (parts.q) {
    heads = attn::axisSize(parts.q.getType(), attn::axis::Heads);
    RankedTensorType type = scoresType(parts.q, parts.k, bool(parts.qRows),
                                       parts.qAxis, parts.kvAxis);
    scores = attn::ScoresOp::create(
        b(), here, type, parts.q, parts.k, parts.qRows, parts.kvRows,
        b().getF64FloatAttr(parts.scale), b().getStringAttr(parts.qAxis),
        b().getStringAttr(parts.kvAxis));
  }
  if (parts.score)
    scores = applyScore(parts, scores);
  scores = applyMask(parts, scores);
  if (sinks)
    sinkHandle = weight(*sinks, {heads});
  if (!scores || (sinks && !sinkHandle))
    return {};
  Value p =
      attn::SoftmaxOp::create(b(), here, scores.getType(), scores, sinkHandle,
                              b().getStringAttr(attn::axis::Key));
  return attn::CombineOp::create(b(), here, parts.q.getType(), p, parts.v,
                                 parts.qRows, parts.kvRows,
                                 b().getStringAttr(parts.kvAxis));
}

/// The handle of a `let:` table: `slope: {weight: NAME, shape: [heads]}`.
Value Emitter::tableHandle(const Expr &expr) {
  for (const NamedNode &table : model.tables) {
    if (table.name != expr.name)
      continue;
    Fields fields(diags, names, "`" + table.name + "`", table.at);
    fields.add(*table.node);
    const Node *name = fields.need("weight"), *shape = fields.need("shape");
    fields.finish();
    if (!name || !shape)
      return {};
    if (!shape->isList()) {
      error(shape->at, "expected a list of sizes, found " + shape->describe());
      return {};
    }
    SmallVector<int64_t> sizes;
    for (const Node *size : shape->items)
      sizes.push_back(constInteger(*size, names, diags).value_or(UnknownSize));
    return weight(*name, sizes);
  }
  return {};
}

Value Emitter::applyScore(const AttentionParts &parts, Value scores) {
  auto rule = parseExpr(*parts.score, "a score rule", diags);
  if (!rule)
    return {};
  Location at = loc(parts.score->at);
  // Without scores the rule is still read, on a block that is thrown away.
  Type type = scores ? scores.getType()
                     : attn::tensorOf(b().getF32Type(), {"q", "kv"}, {1, 1});
  OpBuilder::InsertionGuard guard(b());
  Value x = scores ? scores
                   : Value(arith::ConstantOp::create(
                         b(), at, type,
                         DenseElementsAttr::get(cast<ShapedType>(type),
                                                b().getF32FloatAttr(0))));
  Value rows = scores ? parts.qRows : Value();
  auto map = attn::ScoreMapOp::create(b(), at, type, x, rows);
  Type index = b().getIndexType();
  SmallVector<Type> types = {b().getF32Type(), index, index, index, index};
  Block *block =
      b().createBlock(&map.getBody(), {}, types, SmallVector<Location>(5, at));
  Value result = emitScore(
      b(), at, *rule, block->getArguments(),
      [&](const Expr &table) { return tableHandle(table); }, names, diags);
  if (result)
    attn::YieldOp::create(b(), at, ValueRange{result});
  if (result && scores)
    return map.getResult();
  map.erase();
  if (!scores)
    x.getDefiningOp()->erase();
  return {};
}

/// Tables of the mask: integer inputs, or lists of the model file as constants.
Value Emitter::maskTable(StringRef name, Place at) {
  if (!names.lists.count(name.str()))
    return lookUp(name);
  const std::vector<int64_t> &list = names.lists[name.str()];
  SmallVector<int32_t> values(list.begin(), list.end());
  RankedTensorType type =
      attn::tensorOf(IntegerType::get(context, 32), {attn::axis::Heads},
                     {int64_t(values.size())});
  return arith::ConstantOp::create(
      b(), loc(at), type, DenseElementsAttr::get(type, ArrayRef(values)));
}

/// An input that a mask looks up runs along the axis that it is indexed by.
bool Emitter::checkTable(const AttentionParts &parts, attn::MaskAttr mask,
                         StringRef name) {
  Value table = lookUp(name);
  if (!table)
    return false;
  std::string axis = attn::axisNames(table.getType())[0].str();
  for (attn::MaskSymbolAttr symbol : mask.getSymbols()) {
    if (symbol.getTable() != name)
      continue;
    StringRef index = attn::stringifySymbolIndex(symbol.getIndex());
    std::string wanted = index == "q"    ? parts.qAxis
                         : index == "kv" ? parts.tokenKeys
                         : index == "h"  ? "heads"
                                         : "batch";
    std::string what = ("`" + name + "[" + index + "]`").str();
    if (index == "kv" && isa<attn::CacheType>(parts.k.getType())) {
      error(parts.mask->at, what + " would need the value of cached tokens, "
                                   "which a decoder does not keep");
      return false;
    }
    if (axis == wanted)
      continue;
    error(parts.mask->at, what + ": `" + name.str() + "` runs along `" + axis +
                              "`, expected `" + wanted + "`");
    return false;
  }
  return true;
}

Value Emitter::applyMask(const AttentionParts &parts, Value scores) {
  ParsedMask parsed{attn::MaskAttr::all(context), {}};
  if (parts.mask) {
    std::optional<ParsedMask> read =
        parseMask(context, *parts.mask, names, diags);
    if (!read)
      return {};
    parsed = *read;
  }
  if (!scores)
    return {};
  Place at = parts.mask ? parts.mask->at : parts.at;
  SmallVector<Value> tables;
  SmallVector<StringRef> tableNames;
  int64_t heads = attn::axisSize(parts.q.getType(), attn::axis::Heads);
  for (const std::string &name : parsed.tables) {
    auto list = names.lists.find(name);
    if (list != names.lists.end() && int64_t(list->second.size()) != heads) {
      error(at, "`" + name + "[h]` needs an element for each of " +
                    Twine(heads) + " heads, `" + name + "` has " +
                    Twine(list->second.size()));
      return {};
    }
    if (list == names.lists.end() && !checkTable(parts, parsed.mask, name))
      return {};
    tables.push_back(maskTable(name, at));
    tableNames.push_back(name);
    if (!tables.back())
      return {};
  }
  return attn::MaskOp::create(
      b(), loc(at), scores.getType(), scores, parts.qRows, tables, parsed.mask,
      tables.empty() ? ArrayAttr() : b().getStrArrayAttr(tableNames));
}
