//===- Pipeline.cpp - Lists of steps --------------------------------------===//
#include "frontend/Emitter.h"
#include "frontend/Import.h"
#include "frontend/Source.h"

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

/// A step of the language. What stands behind its name (`linear: NAME`) goes by
/// the main key; a map there, and keys beside the name, give the others.
struct Emitter::StepKind {
  StringRef name, mainKey;
  bool needsValue;
  Value (Emitter::*emit)(Fields &, Inflow);
};

ArrayRef<Emitter::StepKind> Emitter::stepKinds() {
  static const StepKind kinds[] = {
      {"embed", "weight", false, &Emitter::embed},
      {"token_types", "weight", true, &Emitter::tokenTypes},
      {"positions", "weight", true, &Emitter::positions},
      {"rms_norm", "weight", true, &Emitter::rmsNorm},
      {"layer_norm", "weight", true, &Emitter::layerNorm},
      {"linear", "weight", true, &Emitter::linear},
      {"attention", "", false, &Emitter::attention},
      {"rope", "theta", true, &Emitter::rope},
      {"mlp", "", true, &Emitter::mlp},
      {"gated_mlp", "", true, &Emitter::gatedMlp},
      {"activation", "kind", true, &Emitter::activation},
      {"residual", "steps", true, &Emitter::residual},
      {"add", "of", true, &Emitter::add},
      {"multiply", "of", true, &Emitter::multiply},
      {"scale", "by", true, &Emitter::scale},
      {"let", "names", false, &Emitter::let},
      {"slice", "range", true, &Emitter::slice},
      {"concat", "of", false, &Emitter::concat},
      {"split_heads", "heads", true, &Emitter::splitHeads},
      {"merge_heads", "", true, &Emitter::mergeHeads},
      {"repeat", "block", true, &Emitter::repeat},
      {"logits", "weight", true, &Emitter::logits},
      {"pool", "kind", true, &Emitter::pool},
      {"l2_normalize", "eps", true, &Emitter::l2Normalize},
  };
  return kinds;
}

std::vector<std::string> Emitter::stepNames() {
  std::vector<std::string> names;
  for (const StepKind &kind : stepKinds())
    names.push_back(kind.name.str());
  return names;
}

std::vector<std::string> heed::stepNames() { return Emitter::stepNames(); }

Value Emitter::lookUp(StringRef name) {
  for (Scope *at = scope; at; at = at->parent())
    if (auto it = at->bindings.find(name.str()); it != at->bindings.end())
      return it->second ? scope->local(it->second, ArgRank::Input) : Value();
  return {};
}

std::vector<std::string> Emitter::valueNames() {
  std::vector<std::string> names;
  for (Scope *at = scope; at; at = at->parent())
    for (const auto &[name, value] : at->bindings)
      names.push_back(name);
  return names;
}

/// Steps work on numbers; integers are tables for masks.
Value Emitter::flowing(Value value, const Node &name) {
  if (!value ||
      isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType()))
    return value;
  error(name.at, "`" + name.text +
                     "` holds integers, which only masks read (`" + name.text +
                     "[q]`)");
  return {};
}

Value Emitter::named(const Node &name) {
  std::optional<StringRef> text =
      scalarText(name, "the name of a value", diags);
  if (!text)
    return {};
  std::vector<std::string> known = valueNames();
  if (!llvm::is_contained(known, *text))
    error(name.at,
          "no value is named `" + *text + "`" + didYouMean(*text, known));
  return flowing(lookUp(*text), name);
}

Value Emitter::pipeline(const Node &node, Inflow x) {
  if (node.isScalar()) // a value, or a single step: neither needs a list
    return scalarStep(node, x, true);
  if (node.isMap())
    return mapStep(node, x);
  if (!node.isList() || node.items.empty()) {
    error(node.at, "expected a list of steps, found " +
                       (node.isList() ? "an empty list" : node.describe()));
    return {};
  }
  for (auto [i, item] : llvm::enumerate(node.items))
    x = {item->isScalar() ? scalarStep(*item, x, i == 0) : mapStep(*item, x),
         true};
  return x.value;
}

const Emitter::StepKind *Emitter::findStep(StringRef name) {
  for (const StepKind &kind : stepKinds())
    if (kind.name == name)
      return &kind;
  return nullptr;
}

/// `x`, the value that a pipeline begins with, or `merge_heads`, a step without
/// keys.
Value Emitter::scalarStep(const Node &node, Inflow x, bool first) {
  std::vector<std::string> known = stepNames(), values = valueNames();
  if (first && llvm::is_contained(values, node.text))
    return flowing(lookUp(node.text), node);
  if (const StepKind *kind = findStep(node.text)) {
    Fields fields(diags, names, "`" + node.text + "`", node.at);
    return runStep(*kind, fields, x);
  }
  if (first)
    known.insert(known.end(), values.begin(), values.end());
  error(node.at, (first ? "unknown value or step `" : "unknown step `") +
                     node.text + "`" + didYouMean(node.text, known));
  return {};
}

/// `linear: NAME`, `linear: {weight: NAME}`; other keys beside the name.
Value Emitter::mapStep(const Node &node, Inflow x) {
  if (!node.isMap() || node.keys.empty()) {
    error(node.at,
          "expected a step as `linear: NAME`, found " + node.describe());
    return {};
  }
  // The name of the step is the first key that is one.
  const StepKind *kind = nullptr;
  size_t at = 0;
  for (; at < node.keys.size() && !kind; ++at)
    kind = findStep(node.keys[at]->text);
  if (!kind) {
    const Node &key = *node.keys[0];
    error(key.at, "unknown step `" + key.text + "`" +
                      didYouMean(key.text, stepNames()));
    return {};
  }
  const Node &key = *node.keys[--at], &value = *node.items[at];
  Fields fields(diags, names, "`" + key.text + "`", key.at);
  bool bindsNames = kind->name == "let"; // its keys are the model's own
  if (value.isMap() && !bindsNames) {
    fields.add(value);
  } else if (!kind->mainKey.empty()) {
    fields.add(kind->mainKey, value.at, &value);
  } else if (value.kind != Node::Null) {
    error(value.at, "expected a map of the keys of `" + key.text + "`, found " +
                        value.describe());
    return {};
  }
  for (size_t i = 0; i < node.keys.size(); ++i)
    if (i != at)
      fields.add(node.keys[i]->text, node.keys[i]->at, node.items[i]);
  return runStep(*kind, fields, x);
}

/// Steps on rows work column by column; compiled code counts on their number.
bool Emitter::hasColumns(Value x, Fields &step) {
  if (!x)
    return true;
  auto type = cast<RankedTensorType>(x.getType());
  if (!type.getRank() || !type.isDynamicDim(type.getRank() - 1))
    return true;
  error(step.place(), step.name() + " needs a last axis of known size, found " +
                          describeType(type));
  return false;
}

Value Emitter::runStep(const StepKind &kind, Fields &fields, Inflow x) {
  if (++stepsRun > MaxSteps) { // repeats of repeats
    if (stepsRun == MaxSteps + 1)
      error(fields.place(), "the model has more than " + Twine(MaxSteps) +
                                " steps, with all repeats written out");
    return {};
  }
  Location outside = here;
  here = loc(fields.place());
  if (kind.needsValue && !x.begun) {
    error(fields.place(),
          fields.name() +
              " needs a value: begin the pipeline "
              "with " +
              (model.hasTokens() ? "`embed`" : "the name of an input"));
    x.begun = true;
  }
  bool onRows = !llvm::is_contained({"attention", "let", "repeat"}, kind.name);
  bool open = onRows && !hasColumns(x.value, fields);
  if (open)
    x.value = {};
  Value result = (this->*kind.emit)(fields, x);
  if (onRows && !open && !hasColumns(result, fields))
    result = {};
  fields.finish();
  here = outside;
  return result;
}

Value Emitter::let(Fields &fields, Inflow x) {
  const Node *map = fields.need("names");
  if (!map)
    return x.value;
  if (!map->isMap()) {
    error(map->at,
          "expected `let: {NAME: pipeline}`, found " + map->describe());
    return x.value;
  }
  for (auto [name, value] : llvm::zip(map->keys, map->items))
    scope->bindings[name->text] = pipeline(*value, x);
  return x.value;
}

Value Emitter::residual(Fields &fields, Inflow x) {
  const Node *steps = fields.need("steps");
  if (!steps)
    return {};
  streams.push_back(x.value);
  Value branch = pipeline(*steps, x);
  streams.pop_back();
  if (!branch || !x.value)
    return {};
  if (branch.getType() != x.value.getType()) {
    error(fields.place(), "the branch makes " + describeType(branch.getType()) +
                              ", which cannot be added to " +
                              describeType(x.value.getType()));
    return {};
  }
  return attn::AddOp::create(b(), here, branch.getType(), x.value, branch);
}

/// `add: NAME` adds a value; `add: [pipeline, pipeline]` runs several from one
/// value and sums what they make.
Value Emitter::combineWith(Fields &fields, Inflow x, bool product) {
  const Node *of = fields.need("of");
  if (!of)
    return {};

  std::vector<Value> parts;
  if (of->isScalar()) {
    parts = {x.value, named(*of)};
  } else if (of->isList()) {
    for (const Node *branch : of->items)
      parts.push_back(pipeline(*branch, x));
  } else {
    error(of->at,
          "expected a name or a list of pipelines, found " + of->describe());
    return {};
  }
  Value sum;
  for (Value part : parts) {
    if (!part)
      return {};
    if (sum && part.getType() != sum.getType()) {
      error(fields.place(), describeType(part.getType()) +
                                " cannot be combined with " +
                                describeType(sum.getType()));
      return {};
    }
    sum = !sum      ? part
          : product ? attn::MulOp::create(b(), here, part.getType(), sum, part)
                          .getResult()
                    : attn::AddOp::create(b(), here, part.getType(), sum, part)
                          .getResult();
  }
  return sum;
}
Value Emitter::add(Fields &fields, Inflow x) {
  return combineWith(fields, x, false);
}
Value Emitter::multiply(Fields &fields, Inflow x) {
  return combineWith(fields, x, true);
}
