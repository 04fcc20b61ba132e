//===- Linear.cpp - Linears and what is made of them ----------------------===//
#include "frontend/Emitter.h"

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

/// The size that a key names: `out: ffn`, `out: 4 * model`. A size of `dims`
/// lends the axis its name.
OutAxis Emitter::outAxis(Fields &fields, StringRef key) {
  const Node *node = fields.get(key);
  if (!node)
    return {};
  std::optional<int64_t> size = constInteger(*node, names, diags);
  if (!size)
    return {UnknownSize, ""};
  if (*size <= 0) {
    error(node->at, "`" + key + "` is " + Twine(*size) + "; it is at least 1");
    return {UnknownSize, ""};
  }
  return {*size, model.findDim(node->text) ? node->text : ""};
}

Value Emitter::applyLinear(const Node &weightName, const Node *biasName,
                           Value x, OutAxis out) {
  if (x && ShapedType::isDynamic(lastSize(x))) {
    error(weightName.at, "a linear contracts the last axis of " +
                             describeType(x.getType()) +
                             ", whose size must be known");
    x = {};
  }
  int64_t in = x ? lastSize(x) : UnknownSize;
  Value handle = weight(weightName, {out.size, in});
  if (handle)
    out.size = cast<attn::WeightType>(handle.getType()).getShape()[0];
  Value bias;
  if (biasName)
    bias = weight(*biasName, {handle ? out.size : UnknownSize});
  if (!handle || !x || (biasName && !bias))
    return {};
  RankedTensorType type = withLast(x, out);
  Value y = attn::LinearOp::create(b(), here, type, x, handle);
  if (bias)
    y = attn::BiasOp::create(b(), loc(biasName->at), type, y, bias);
  return y;
}

Value Emitter::linear(Fields &fields, Inflow x) {
  const Node *name = fields.need("weight"), *bias = fields.get("bias");
  OutAxis out = outAxis(fields, "out");
  const Node *headsNode = fields.get("heads");
  std::optional<int64_t> heads, head = fields.integer("head");
  if (headsNode) {
    heads = constInteger(*headsNode, names, diags);
    const Dim *dim = model.findDim("head");
    if (!head && dim && dim->size > 0)
      head = dim->size;
    if (heads && *heads <= 0) {
      error(headsNode->at,
            "`heads` is " + Twine(*heads) + "; it is at least 1");
      heads.reset();
    }
    if (heads && head && out.size == AnySize)
      out.size = *heads * *head;
    out.name = headsName + "_head";
  }
  if (!name)
    return {};
  Value y = applyLinear(*name, bias, x.value, out);
  if (!headsNode || !y)
    return y;
  return heads ? applySplit(y, *heads, headsNode->at) : Value();
}

Value Emitter::applyPart(const Node *part, StringRef what, Value x,
                         OutAxis out) {
  if (!part)
    return {};
  if (!part->isMap())
    return applyLinear(*part, nullptr, x, out);
  Fields fields(diags, names, "`" + what.str() + "`", part->at);
  fields.add(*part);
  const Node *name = fields.need("weight"), *bias = fields.get("bias");
  if (OutAxis own = outAxis(fields, "out"); own.size != AnySize)
    out = own;
  fields.finish();
  return name ? applyLinear(*name, bias, x, out) : Value();
}

/// The axis that the last linear of an mlp gives back: x's own.
static OutAxis axisOf(Value x) {
  if (!x)
    return {UnknownSize, ""};
  return {lastSize(x), attn::axisNames(x.getType()).back().str()};
}

Value Emitter::mlp(Fields &fields, Inflow x) {
  const Node *up = fields.need("up"), *down = fields.need("down");
  OutAxis hidden = outAxis(fields, "hidden");
  auto kind = activationKind(fields, "activation");
  Value y = applyPart(up, "up", x.value, hidden);
  y = kind ? applyActivation(y, *kind) : Value();
  return applyPart(down, "down", y, axisOf(x.value));
}

Value Emitter::gatedMlp(Fields &fields, Inflow x) {
  const Node *gate = fields.need("gate"), *up = fields.need("up"),
             *down = fields.need("down");
  OutAxis hidden = outAxis(fields, "hidden");
  auto kind = activationKind(fields, "activation");
  Value gated = applyPart(gate, "gate", x.value, hidden);
  if (gated)
    hidden = axisOf(gated);
  gated = kind ? applyActivation(gated, *kind) : Value();
  Value y = applyPart(up, "up", x.value, hidden);
  y = gated && y
          ? attn::MulOp::create(b(), here, y.getType(), gated, y).getResult()
          : Value();
  return applyPart(down, "down", y, axisOf(x.value));
}

/// The wanted rows only, then the linear onto the vocabulary.
Value Emitter::logits(Fields &fields, Inflow x) {
  const Node *name = fields.need("weight"), *bias = fields.get("bias");
  std::optional<double> cap = fields.number("softcap");
  if (!model.hasTokens()) {
    error(fields.place(),
          "`logits` needs tokens; this model takes plain tensors");
    return {};
  }
  Value rows = x.value;
  if (rows && attn::axisNames(rows.getType()).front() == tokenAxis) {
    auto type = cast<RankedTensorType>(rows.getType());
    SmallVector<StringAttr> axes(attn::axisNames(type));
    axes.front() = b().getStringAttr(attn::axis::Output);
    rows = attn::TakeRowsOp::create(
        b(), here, attn::tensorOf(type.getElementType(), axes, type.getShape()),
        rows, wanted());
  }
  const Dim *vocab = model.findDim("vocab");
  OutAxis out{vocab ? vocab->size : AnySize, "vocab"};
  Value y = name ? applyLinear(*name, bias, rows, out) : Value();
  if (!y || !cap)
    return y;
  if (*cap <= 0) {
    error(fields.place(), "`softcap` is not positive");
    return {};
  }
  auto by = [&](Value value, double factor) -> Value {
    return attn::ScaleOp::create(b(), here, value.getType(), value,
                                 b().getF64FloatAttr(factor));
  };
  y = applyActivation(by(y, 1 / *cap), attn::ActivationKind::Tanh);
  return by(y, *cap);
}
