//===- Steps.cpp - Steps that work on rows --------------------------------===//
#include "frontend/Emitter.h"
#include "frontend/Rope.h"

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

static constexpr int64_t Dynamic = ShapedType::kDynamic;

//===----------------------------------------------------------------------===//
// Small words
//===----------------------------------------------------------------------===//

Value Emitter::weight(const Node &name, ArrayRef<int64_t> expected) {
  std::optional<Handle> handle = weights.resolve(name, layer, expected);
  return handle ? scope->weight(*handle, loc(name.at)) : Value();
}

static bool isRole(StringRef name) {
  return llvm::is_contained(
      {attn::axis::Heads, attn::axis::KvHeads, attn::axis::Head,
       attn::axis::Query, attn::axis::Key, attn::axis::Token, attn::axis::Batch,
       attn::axis::Output, attn::axis::Sequence},
      name);
}

std::string Emitter::axisName(Value x, int64_t size) const {
  ArrayRef<StringAttr> kept = attn::axisNames(x.getType()).drop_back();
  auto isFree = [&](StringRef name) { return !llvm::is_contained(kept, name); };
  for (Value stream : llvm::reverse(streams))
    if (stream && lastSize(stream) == size) {
      StringRef name = attn::axisNames(stream.getType()).back().getValue();
      if (isFree(name))
        return name.str();
    }
  for (const Dim &dim : model.dims)
    if (dim.size == size && !isRole(dim.name) && isFree(dim.name))
      return dim.name;
  return "n" + std::to_string(size);
}

RankedTensorType Emitter::withLast(Value x, OutAxis out) const {
  if (out.name.empty() ||
      llvm::is_contained(attn::axisNames(x.getType()).drop_back(), out.name))
    out.name = axisName(x, out.size);
  return attn::withLastAxis(cast<RankedTensorType>(x.getType()), out.name,
                            out.size);
}

/// The last size of x, for a weight; unknown where x was lost.
static int64_t sizeFor(Value x) { return x ? lastSize(x) : UnknownSize; }

//===----------------------------------------------------------------------===//
// Tokens to rows
//===----------------------------------------------------------------------===//

static RankedTensorType rowsOf(Value ids, StringRef name, int64_t size) {
  SmallVector<StringAttr> names(attn::axisNames(ids.getType()));
  names.push_back(StringAttr::get(ids.getContext(), name));
  return attn::tensorOf(Float32Type::get(ids.getContext()),
                        ArrayRef<StringAttr>(names), {Dynamic, size});
}

Value Emitter::embed(Fields &fields, Inflow x) {
  const Node *table = fields.need("weight");
  if (!model.hasTokens()) {
    error(fields.place(), "`embed` turns tokens into rows; this model takes "
                          "plain tensors");
    return {};
  }
  const Dim *vocab = model.findDim("vocab"), *width = model.findDim("model");
  OutAxis rows = outAxis(fields, "rows");
  if (rows.size == AnySize && vocab)
    rows.size = vocab->size;
  Value handle =
      table ? weight(*table, {rows.size, width ? width->size : AnySize})
            : Value();
  if (!handle)
    return {};
  int64_t size = cast<attn::WeightType>(handle.getType()).getShape()[1];
  std::string name = width && width->size == size ? "model" : "";
  if (name.empty())
    name = axisName(tokens(), size);
  return attn::EmbedOp::create(b(), here, rowsOf(tokens(), name, size),
                               tokens(), handle);
}

Value Emitter::tokenTypes(Fields &fields, Inflow x) {
  const Node *table = fields.need("weight");
  if (!model.hasTokens()) {
    error(fields.place(), "`token_types` needs tokens; this model takes plain "
                          "tensors");
    return {};
  }
  OutAxis types = outAxis(fields, "rows");
  Value handle =
      table ? weight(*table, {types.size, sizeFor(x.value)}) : Value();
  if (!handle || !x.value)
    return {};
  Value rows =
      attn::EmbedOp::create(b(), here, x.value.getType(), tokenTypes(), handle);
  return attn::AddOp::create(b(), here, x.value.getType(), x.value, rows);
}

/// The axis along which positions count where there are no ragged rows: the
/// last that is no head.
static StringRef positionAxis(Value x) {
  StringRef found;
  for (StringAttr name : attn::axisNames(x.getType()).drop_back())
    if (name != attn::axis::Heads && name != attn::axis::KvHeads)
      found = name.getValue();
  return found;
}

Value Emitter::positions(Fields &fields, Inflow x) {
  const Node *table = fields.need("weight");
  int64_t offset = fields.integer("offset").value_or(0);
  OutAxis positions = outAxis(fields, "rows");
  // A file says how many positions it has; random weights have what is needed.
  bool isRandom = weights.path().starts_with("random:");
  if (positions.size == AnySize && isRandom && model.context && offset >= 0)
    positions.size = model.context + offset;
  Value handle =
      table ? weight(*table, {positions.size, sizeFor(x.value)}) : Value();
  if (!handle || !x.value)
    return {};
  int64_t size = cast<attn::WeightType>(handle.getType()).getShape()[0];

  Value rows = raggedOf(x.value);
  int64_t longest =
      rows ? model.context
           : attn::axisSize(x.value.getType(), positionAxis(x.value));
  if (ShapedType::isDynamic(longest))
    longest = 0; // the caller's affair
  if (offset < 0 || size < longest + offset) {
    error(table->at, "the table has " + Twine(size) + " positions, expected " +
                         Twine(longest + offset) +
                         (offset ? " with `offset`" : "") + " at least");
    return {};
  }

  StringAttr axis =
      rows ? StringAttr() : b().getStringAttr(positionAxis(x.value));
  return attn::PositionEmbedOp::create(b(), here, x.value.getType(), x.value,
                                       handle, rows,
                                       b().getI64IntegerAttr(offset), axis);
}

//===----------------------------------------------------------------------===//
// Rows to rows
//===----------------------------------------------------------------------===//

Value Emitter::norm(Fields &fields, Inflow x, attn::NormKind kind) {
  const Node *scale = fields.get("weight"), *bias = nullptr;
  if (kind == attn::NormKind::Layer)
    bias = fields.get("bias");
  std::optional<double> eps = fields.number("eps", true);
  bool unitOffset = fields.boolean("unit_offset").value_or(false);
  Value scaleHandle, biasHandle;
  if (scale)
    scaleHandle = weight(*scale, {sizeFor(x.value)});
  if (bias)
    biasHandle = weight(*bias, {sizeFor(x.value)});
  if (!x.value || !eps || (scale && !scaleHandle) || (bias && !biasHandle))
    return {};
  if (*eps < 0) {
    error(fields.place(), "`eps` is negative");
    return {};
  }
  return attn::NormOp::create(
      b(), here, x.value.getType(), x.value, scaleHandle, biasHandle,
      attn::NormKindAttr::get(context, kind), b().getF64FloatAttr(*eps),
      unitOffset ? b().getUnitAttr() : UnitAttr());
}
Value Emitter::rmsNorm(Fields &fields, Inflow x) {
  return norm(fields, x, attn::NormKind::RMS);
}
Value Emitter::layerNorm(Fields &fields, Inflow x) {
  return norm(fields, x, attn::NormKind::Layer);
}

std::optional<attn::ActivationKind> Emitter::activationKind(Fields &fields,
                                                            StringRef key) {
  std::vector<std::string> kinds;
  for (unsigned i = 0; i <= attn::getMaxEnumValForActivationKind(); ++i)
    kinds.push_back(
        attn::stringifyActivationKind(attn::ActivationKind(i)).str());
  std::optional<size_t> choice = fields.choice(key, kinds, true);
  return choice ? std::optional(attn::ActivationKind(*choice)) : std::nullopt;
}

Value Emitter::applyActivation(Value x, attn::ActivationKind kind) {
  return x ? attn::ActivationOp::create(b(), here, x.getType(), x, kind) : x;
}

Value Emitter::activation(Fields &fields, Inflow x) {
  std::optional<attn::ActivationKind> kind = activationKind(fields, "kind");
  return kind ? applyActivation(x.value, *kind) : Value();
}

Value Emitter::scale(Fields &fields, Inflow x) {
  std::optional<double> by = fields.number("by", true);
  if (!by || !x.value)
    return {};
  return attn::ScaleOp::create(b(), here, x.value.getType(), x.value,
                               b().getF64FloatAttr(*by));
}

Value Emitter::rope(Fields &fields, Inflow x) {
  std::optional<double> theta = fields.number("theta", true);
  std::optional<size_t> pairs =
      fields.choice("pairs", {"halves", "adjacent"}, true);
  std::optional<int64_t> dims = fields.integer("dims");
  const Node *scalingNode = fields.get("scaling");
  if (!x.value || !theta || !pairs)
    return {};
  int64_t head = lastSize(x.value), turned = dims.value_or(head);
  if (turned <= 0 || turned % 2 || turned > head) {
    error(fields.place(), "`rope` turns " + Twine(turned) + " of a head of " +
                              Twine(head) +
                              "; expected an even number, at most the head");
    return {};
  }
  if (*theta <= 0) {
    error(fields.place(), "`theta` is not positive");
    return {};
  }
  RopeScaling scaling;
  if (scalingNode) {
    std::optional<RopeScaling> read =
        readRopeScaling(*scalingNode, *theta, turned, names, diags);
    if (!read)
      return {};
    scaling = *read;
  }
  Value rows = raggedOf(x.value);
  StringAttr axis =
      rows ? StringAttr() : b().getStringAttr(positionAxis(x.value));
  if (!rows && axis.empty()) {
    error(fields.place(), "no axis of " + describeType(x.value.getType()) +
                              " counts positions");
    return {};
  }
  auto factors = scaling.factors.empty()
                     ? DenseF64ArrayAttr()
                     : b().getDenseF64ArrayAttr(scaling.factors);
  return attn::RopeOp::create(
      b(), here, x.value.getType(), x.value, rows, b().getF64FloatAttr(*theta),
      attn::RopePairsAttr::get(context, attn::RopePairs(*pairs)),
      b().getI64IntegerAttr(turned), axis, factors,
      b().getF64FloatAttr(scaling.attention));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

Value Emitter::applySplit(Value x, int64_t heads, Place at) {
  int64_t size = lastSize(x);
  if (heads <= 0 || size % heads) {
    error(at,
          Twine(heads) + " heads do not divide " + describeType(x.getType()));
    return {};
  }
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<StringAttr> axes(attn::axisNames(type));
  SmallVector<int64_t> sizes(type.getShape());
  axes.back() = b().getStringAttr(headsName);
  axes.push_back(b().getStringAttr(attn::axis::Head));
  sizes.back() = heads;
  sizes.push_back(size / heads);
  return attn::SplitHeadsOp::create(
      b(), here, attn::tensorOf(type.getElementType(), axes, sizes), x);
}

Value Emitter::applyMerge(Value x, Place at) {
  auto type = cast<RankedTensorType>(x.getType());
  if (!attn::findAxis(type, attn::axis::Heads) ||
      !attn::findAxis(type, attn::axis::Head)) {
    error(at, describeType(type) + " has no axes `heads` and `head` to merge");
    return {};
  }
  int64_t merged = attn::axisSize(type, attn::axis::Heads) *
                   attn::axisSize(type, attn::axis::Head);
  if (ShapedType::isDynamic(attn::axisSize(type, attn::axis::Heads)) ||
      ShapedType::isDynamic(attn::axisSize(type, attn::axis::Head))) {
    error(at, "the sizes of `heads` and `head` must be known to merge them");
    return {};
  }
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> sizes;
  for (auto [name, size] : llvm::zip(attn::axisNames(type), type.getShape()))
    if (name != attn::axis::Heads && name != attn::axis::Head) {
      axes.push_back(name);
      sizes.push_back(size);
    }
  axes.push_back(b().getStringAttr("heads_head"));
  sizes.push_back(merged);
  return attn::MergeHeadsOp::create(
      b(), here, attn::tensorOf(type.getElementType(), axes, sizes), x);
}

Value Emitter::splitHeads(Fields &fields, Inflow x) {
  std::optional<int64_t> heads = fields.integer("heads", true);
  return heads && x.value ? applySplit(x.value, *heads, fields.place())
                          : Value();
}
Value Emitter::mergeHeads(Fields &fields, Inflow x) {
  return x.value ? applyMerge(x.value, fields.place()) : Value();
}

/// `slice: {from: 0, to: 64}`: elements of the last axis.
Value Emitter::slice(Fields &fields, Inflow x) {
  std::optional<int64_t> from = fields.integer("from"),
                         to = fields.integer("to", true);
  if (!to || !x.value)
    return {};
  int64_t lo = from.value_or(0), size = lastSize(x.value);
  if (lo < 0 || lo >= *to || *to > size) {
    error(fields.place(), Twine(lo) + " to " + Twine(*to) +
                              " lies outside the last axis of " +
                              describeType(x.value.getType()));
    return {};
  }
  return attn::SliceOp::create(b(), here, withLast(x.value, {*to - lo, ""}),
                               x.value, lo, *to);
}

/// `concat: [a, b]`: pipelines joined along their last axis.
Value Emitter::concat(Fields &fields, Inflow x) {
  const Node *of = fields.need("of");
  if (!of)
    return {};
  if (!of->isList() || of->items.empty()) {
    error(of->at, "expected a list of pipelines, found " + of->describe());
    return {};
  }
  SmallVector<Value> parts;
  int64_t sum = 0;
  bool good = true;
  for (const Node *item : of->items) {
    parts.push_back(pipeline(*item, x));
    good &= parts.back() && hasColumns(parts.back(), fields);
    if (!good)
      continue;
    auto type = cast<RankedTensorType>(parts.back().getType());
    auto first = cast<RankedTensorType>(parts[0].getType());
    if (attn::axisNames(type).drop_back() !=
            attn::axisNames(first).drop_back() ||
        type.getShape().drop_back() != first.getShape().drop_back()) {
      error(item->at,
            describeType(type) + " cannot be joined to " + describeType(first));
      good = false;
    }
    sum += lastSize(parts.back());
  }
  if (!good)
    return {};
  return attn::ConcatOp::create(b(), here, withLast(parts[0], {sum, ""}),
                                parts);
}

//===----------------------------------------------------------------------===//
// One row a sequence
//===----------------------------------------------------------------------===//

Value Emitter::pool(Fields &fields, Inflow x) {
  std::optional<size_t> kind =
      fields.choice("kind", {"mean", "first", "last"}, true);
  if (!kind || !x.value)
    return {};
  Value rows = raggedOf(x.value);
  if (!rows) {
    error(fields.place(), "`pool` makes one row of a sequence of tokens; this "
                          "value has none");
    return {};
  }
  if (!isDecoder)
    hiddenState = x.value;
  auto type = cast<RankedTensorType>(x.value.getType());
  SmallVector<StringAttr> axes(attn::axisNames(type));
  axes.front() = b().getStringAttr(attn::axis::Sequence);
  return attn::PoolOp::create(
      b(), here, attn::tensorOf(type.getElementType(), axes, type.getShape()),
      x.value, rows, attn::PoolKind(*kind));
}

Value Emitter::l2Normalize(Fields &fields, Inflow x) {
  double eps = fields.number("eps").value_or(1e-12);
  if (!x.value)
    return {};
  return attn::L2NormalizeOp::create(b(), here, x.value.getType(), x.value,
                                     b().getF64FloatAttr(eps));
}
