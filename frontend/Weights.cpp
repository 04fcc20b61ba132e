//===- Weights.cpp - The weights that a model names -----------------------===//
#include "frontend/Weights.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

Weights::Weights(const Model &model, ModuleOp module, Diagnostics &diags)
    : model(model), module(module), diags(diags) {
  if (model.weights)
    open(*model.weights);
}

void Weights::open(const Node &node) {
  std::optional<StringRef> text = scalarText(node, "a path", diags);
  if (!text)
    return;
  StringRef seed = *text;
  if (seed.consume_front("random")) {
    if (seed.empty())
      seed = "0";
    else if (!seed.consume_front("(") || !seed.consume_back(")") ||
             seed.empty() || !llvm::all_of(seed, llvm::isDigit) ||
             seed.size() > 18)
      return diags.error(node.at,
                         "expected `random` or `random(SEED)`, found `" +
                             *text + "`");
    random = true;
    where = ("random:" + seed).str();
    return;
  }
  std::optional<std::string> path = findFile(model, node, diags);
  if (!path)
    return;
  Result<WeightSource> opened = WeightSource::open(*path);
  if (!opened)
    return diags.error(node.at, opened.error().text);
  source = std::move(*opened);
  where = *path;
}

//===----------------------------------------------------------------------===//
// Weight expressions
//===----------------------------------------------------------------------===//

namespace {

/// A name and what is done to it, innermost first.
struct WeightExpr {
  struct Step {
    bool transpose = false;
    int64_t dim = 0, lo = 0, hi = -1; // a slice; -1 is the end
  };
  std::string name;
  std::vector<Step> steps;
};

} // namespace

/// Reads `0:768` or `:`.
static bool parseRange(StringRef text, WeightExpr::Step &step, const Node &expr,
                       const ExprNames &names, Diagnostics &diags) {
  auto [lo, hi] = text.split(':');
  if (!text.contains(':')) {
    diags.error(expr.at, "expected a range as `0:768`, found `" + text + "`");
    return false;
  }
  for (auto [bound, value] :
       {std::pair(lo, &step.lo), std::pair(hi, &step.hi)}) {
    if (bound.trim().empty())
      continue;
    Node node;
    node.kind = Node::Scalar;
    node.at = expr.at;
    node.text = bound.trim().str();
    std::optional<int64_t> number = constInteger(node, names, diags);
    if (!number)
      return false;
    *value = *number;
  }
  return true;
}

static std::optional<WeightExpr> parseWeightExpr(StringRef text,
                                                 const Node &expr,
                                                 const ExprNames &names,
                                                 Diagnostics &diags) {
  text = text.trim();
  WeightExpr::Step step;
  StringRef inner = text;
  if (inner.consume_back("]") && inner.contains('[')) {
    auto [base, range] = inner.rsplit('[');
    auto [rows, columns] = range.split(',');
    bool isColumns = range.contains(',') && rows.trim() == ":";
    if (range.contains(',') && !isColumns && columns.trim() != ":") {
      diags.error(expr.at, "expected a slice of rows or of columns, as "
                           "`w[0:768]` or `w[:, 0:768]`, found `" +
                               text + "`");
      return std::nullopt;
    }
    if (!parseRange(isColumns ? columns : rows, step, expr, names, diags))
      return std::nullopt;
    step.dim = isColumns;
    inner = base;
  } else if (inner = text;
             inner.consume_front("transpose(") && inner.consume_back(")")) {
    step.transpose = true;
  } else {
    return WeightExpr{text.str(), {}};
  }
  std::optional<WeightExpr> parsed = parseWeightExpr(inner, expr, names, diags);
  if (parsed)
    parsed->steps.push_back(step);
  return parsed;
}

/// The most numbers of a random weight; made, not read, they are for small
/// models.
static constexpr int64_t MaxRandom = int64_t(1) << 32;

static std::string shapeOf(ArrayRef<int64_t> sizes) {
  std::string out = "[";
  for (auto [i, size] : llvm::enumerate(sizes))
    out += (i ? ", " : "") + (size < 0 ? "?" : std::to_string(size));
  return out + "]";
}

static std::optional<attn::WeightElement> elementOf(ElementType type) {
  return attn::symbolizeWeightElement(elementTypeName(type));
}

/// Applies the steps to the shape; gives the attributes and the symbol's tail.
static bool applySteps(const WeightExpr &parsed, attn::WeightElement element,
                       SmallVectorImpl<int64_t> &shape,
                       SmallVectorImpl<Attribute> &transforms,
                       std::string &symbol, const Node &expr,
                       MLIRContext *context, Diagnostics &diags) {
  for (WeightExpr::Step step : parsed.steps) {
    std::string is = "`" + parsed.name + "` is " + shapeOf(shape);
    if (step.transpose) {
      if (shape.size() != 2 || isQuantised(element)) {
        diags.error(expr.at, "cannot transpose: " + is + " of " +
                                 stringifyWeightElement(element));
        return false;
      }
      std::swap(shape[0], shape[1]);
      transforms.push_back(attn::TransposeAttr::get(context));
      symbol += ".t";
      continue;
    }
    if (step.dim >= int64_t(shape.size())) {
      diags.error(expr.at, "cannot slice columns: " + is);
      return false;
    }
    int64_t size = shape[step.dim], hi = step.hi < 0 ? size : step.hi;
    if (step.lo < 0 || step.lo >= hi || hi > size) {
      diags.error(expr.at, "slice " + Twine(step.lo) + ":" + Twine(hi) +
                               " lies outside: " + is);
      return false;
    }
    if (step.dim == 1 && isQuantised(element) && (step.lo % 32 || hi % 32)) {
      diags.error(expr.at, "columns of " + stringifyWeightElement(element) +
                               " are sliced by multiples of 32: " + is);
      return false;
    }
    shape[step.dim] = hi - step.lo;
    transforms.push_back(attn::SliceAttr::get(context, step.dim, step.lo, hi));
    symbol += (step.dim ? ".columns_" : ".rows_") + std::to_string(step.lo) +
              "_" + std::to_string(hi);
  }
  return true;
}

/// Replaces `{i}` by the layer; reports it where there is none.
static std::optional<std::string> fillHole(const Node &expr, StringRef text,
                                           std::optional<int64_t> layer,
                                           Diagnostics &diags) {
  std::string out;
  for (size_t at; (at = text.find("{i}")) != StringRef::npos;) {
    if (!layer) {
      diags.error(expr.at, "`{i}` is the number of a layer; there is none "
                           "outside a repeated block");
      return std::nullopt;
    }
    out += text.take_front(at).str() + std::to_string(*layer);
    text = text.drop_front(at + 3);
  }
  return out + text.str();
}

std::optional<Handle> Weights::resolve(const Node &expr,
                                       std::optional<int64_t> layer,
                                       ArrayRef<int64_t> expected) {
  std::optional<StringRef> text =
      scalarText(expr, "the name of a weight", diags);
  if (!text)
    return std::nullopt;
  std::optional<std::string> filled = fillHole(expr, *text, layer, diags);
  if (!filled)
    return std::nullopt;
  if (!model.weights) {
    diags.error(expr.at, "`" + *filled +
                             "` is a weight, and the model names "
                             "none: add `weights: FILE` or `weights: random`");
    return std::nullopt;
  }
  std::optional<WeightExpr> parsed =
      parseWeightExpr(*filled, expr, model.names, diags);
  if (!parsed || (!random && !source))
    return std::nullopt;

  MLIRContext *context = module.getContext();
  SmallVector<int64_t> shape;
  attn::WeightElement element = attn::WeightElement::F32;
  if (random) {
    if (!parsed->steps.empty()) {
      diags.error(expr.at, "random weights are made as they are needed; name "
                           "one without slices");
      return std::nullopt;
    }
    if (llvm::is_contained(expected, UnknownSize))
      return std::nullopt;
    if (llvm::is_contained(expected, AnySize)) {
      diags.error(expr.at, "random weight `" + parsed->name +
                               "` needs a shape: "
                               "give the size that it makes (`out`, `hidden`, "
                               "`heads` with `head`) or its `rows`");
      return std::nullopt;
    }

    shape.assign(expected.begin(), expected.end());
    __int128 elements = 1;
    for (int64_t size : shape)
      if (elements <= MaxRandom)
        elements *= size;
    if (elements > MaxRandom) {
      diags.error(expr.at, "random weight `" + parsed->name + "` would be " +
                               shapeOf(shape) + ", more than 2^32 numbers");
      return std::nullopt;
    }

    auto type = attn::WeightType::get(context, shape, element);
    return declare(expr, parsed->name, type, where + ":" + parsed->name, {});
  }

  std::optional<TensorView> view = source->find(parsed->name);
  if (!view) {
    std::optional<std::string> near = source->nearest(parsed->name);
    diags.error(expr.at, "no weight `" + parsed->name + "` in " + where +
                             (near ? "; did you mean `" + *near + "`?" : ""));
    return std::nullopt;
  }
  std::optional<attn::WeightElement> known = elementOf(view->type);
  if (!known) {
    diags.error(expr.at, "weight `" + parsed->name + "` is stored as " +
                             StringRef(elementTypeName(view->type)) +
                             "; expected f32, f16, bf16, q4_0, q4_1 or q8_0");
    return std::nullopt;
  }
  element = *known;
  shape.assign(view->shape.begin(), view->shape.end());
  std::string symbol = parsed->name;
  SmallVector<Attribute> transforms;
  if (!applySteps(*parsed, element, shape, transforms, symbol, expr, context,
                  diags))
    return std::nullopt;
  bool fits = shape.size() == expected.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = expected[i] < 0 || expected[i] == shape[i];
  if (!fits) {
    diags.error(expr.at, "weight `" + *filled + "` is " + shapeOf(shape) +
                             ", expected " + shapeOf(expected));
    return std::nullopt;
  }
  return declare(expr, symbol, attn::WeightType::get(context, shape, element),
                 parsed->name, transforms);
}

std::optional<Handle> Weights::declare(const Node &expr, std::string symbol,
                                       attn::WeightType type, std::string from,
                                       ArrayRef<Attribute> transforms) {
  if (!declared.count(symbol) && SymbolTable::lookupSymbolIn(module, symbol))
    symbol += ".weight"; // a function has that name
  auto name = StringAttr::get(module.getContext(), symbol);
  auto [it, isNew] = declared.try_emplace(symbol, type);
  if (!isNew) {
    if (it->second == type)
      return Handle{name, type};
    diags.error(expr.at, "weight `" + symbol + "` is used as " +
                             shapeOf(it->second.getShape()) + " and as " +
                             shapeOf(type.getShape()));
    return std::nullopt;
  }
  OpBuilder builder(module.getContext());
  if (lastDeclare)
    builder.setInsertionPointAfter(lastDeclare);
  else
    builder.setInsertionPointToStart(module.getBody());
  auto loc = FileLineColLoc::get(module.getContext(), model.path, expr.at.line,
                                 expr.at.column);
  lastDeclare = attn::DeclareOp::create(
      builder, loc, name, TypeAttr::get(type), builder.getStringAttr(from),
      transforms.empty() ? ArrayAttr() : builder.getArrayAttr(transforms));
  return Handle{name, type};
}
