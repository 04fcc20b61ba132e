//===- Model.cpp - The head of a model file -------------------------------===//
#include "frontend/Model.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstdlib>
#include <set>

using namespace heed;
using llvm::StringRef;
using llvm::Twine;

const Dim *Model::findDim(StringRef name) const {
  for (const Dim &dim : dims)
    if (dim.name == name)
      return &dim;
  return nullptr;
}

namespace {

class HeadReader {
public:
  HeadReader(Model &model, Diagnostics &diags) : model(model), diags(diags) {}

  void read(const Node &root) {
    Fields fields(diags, model.names, "a model", root.at);
    fields.add(root);
    if (const Node *name = fields.need("model"))
      model.name = scalarText(*name, "a name", diags).value_or("").str();
    const Node *dims = fields.get("dims"), *let = fields.get("let"),
               *blocks = fields.get("blocks"), *inputs = fields.get("inputs"),
               *outputs = fields.get("outputs"),
               *promises = fields.get("promises");
    model.decoder = fields.get("decoder");
    model.encoder = fields.get("encoder");
    model.weights = fields.get("weights");
    model.tokenizer = fields.get("tokenizer");
    eachOf(dims, "dims", [&](auto &name, auto &value) { dim(name, value); });
    // Inputs before lets: a let may take its first value from an input.
    eachOf(inputs, "inputs",
           [&](auto &name, auto &value) { input(name, value); });
    eachOf(let, "let", [&](auto &name, auto &value) { bind(name, value); });
    eachOf(blocks, "blocks", [&](auto &name, auto &value) {
      model.blocks.push_back({name.text, name.at, &value});
    });

    if (outputs && outputs->isMap() && outputs->keys.empty())
      diags.error(outputs->at, "a model needs an output");
    eachOf(outputs, "outputs", [&](auto &name, auto &value) {
      model.outputs.push_back({name.text, name.at, &value});
    });
    context(fields);
    if (promises)
      readPromises(*promises);
    fields.finish();
    kind(root, outputs, fields);
  }

private:
  template <typename Visit>
  void eachOf(const Node *map, StringRef what, Visit visit) {
    if (!map)
      return;
    if (!map->isMap())
      return diags.error(map->at, "`" + what + "` is a map of names, found " +
                                      map->describe());
    for (auto [name, value] : llvm::zip(map->keys, map->items))
      if (checkName(*name))
        visit(*name, *value);
  }

  /// Names stand in expressions, so they look like names there.
  bool checkName(const Node &name) {
    StringRef text = name.text;
    bool good =
        !text.empty() && !llvm::isDigit(text[0]) &&
        llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (!good)
      diags.error(name.at, "expected a name (letters, digits, `_`), found " +
                               name.describe());
    return good;
  }

  void dim(const Node &name, const Node &value) {
    if (value.isScalar() && value.text == "any") {
      model.names.symbolic.insert(name.text);
      model.dims.push_back({name.text, -1, name.at});
      return;
    }
    std::optional<int64_t> size = constInteger(value, model.names, diags);
    if (!size)
      return;
    if (*size <= 0)
      return diags.error(value.at, "size `" + name.text + "` is " +
                                       Twine(*size) +
                                       "; a size is at least 1 (`any` leaves "
                                       "it open)");
    model.names.integers[name.text] = *size;
    model.dims.push_back({name.text, *size, name.at});
  }

  static bool isNumbers(const Node &value) {
    return value.isList() && !value.items.empty() &&
           value.items[0]->isScalar() &&
           (llvm::isDigit(StringRef(value.items[0]->text).front()) ||
            value.items[0]->text[0] == '-');
  }

  void bind(const Node &name, const Node &value) {
    // Masks and score rules have these words; a number of that name would never
    // be read there, or be read for them.
    static const std::set<std::string> Taken = {
        "q",   "kv",   "q_len", "kv_len", "h",   "b",   "s",       "i",
        "all", "same", "and",   "or",     "not", "mod", "floordiv"};
    bool isPipeline = value.isList() && !isNumbers(value);
    if (Taken.count(name.text) && !isPipeline)
      return diags.error(name.at, "`" + name.text +
                                      "` has a meaning in masks and score "
                                      "rules; call it something else");
    if (value.isScalar()) {
      if (auto integer = constInteger(value, model.names, diags))
        model.names.integers[name.text] = *integer;
      return;
    }
    if (value.isMap() && value.find("weight")) {
      model.names.weights.insert(name.text);
      model.tables.push_back({name.text, name.at, &value});
      return;
    }
    if (isNumbers(value)) {
      std::vector<int64_t> &list = model.names.lists[name.text];
      for (const Node *item : value.items)
        list.push_back(constInteger(*item, model.names, diags).value_or(0));
      return;
    }
    if (value.isList())
      return model.lets.push_back({name.text, name.at, &value});
    diags.error(value.at, "expected an integer, a list of integers, `{weight: "
                          "NAME, shape: […]}` or a pipeline, found " +
                              value.describe());
  }

  /// `f32[batch, token, model]`
  void input(const Node &name, const Node &value) {
    std::optional<StringRef> text =
        scalarText(value, "a type as `f32[token, model]`", diags);
    if (!text)
      return;
    InputDecl decl;
    decl.name = name.text;
    decl.at = name.at;
    StringRef rest = *text;
    decl.isShort = rest.consume_front("bf16");
    if (!decl.isShort && !rest.consume_front("f32") &&
        !rest.consume_front("i32")) {
      StringRef element = rest.take_until([](char c) { return c == '['; });
      return diags.error(value.at, "expected a type as `f32[token, model]`, "
                                   "`bf16[q, head]` or `i32[token]`, found `" +
                                       element + "`");
    }
    decl.isFloat = text->front() != 'i';
    if (!rest.consume_front("[") || !rest.consume_back("]") ||
        rest.trim().empty())
      return diags.error(value.at, "expected the axes in brackets, as `f32["
                                   "token, model]`, found `" +
                                       *text + "`");
    llvm::SmallVector<StringRef> axes;
    rest.split(axes, ',');
    bool good = true;
    __int128 elements = 1;
    for (StringRef axis : axes) {
      Place at =
          diags.within(value.at, *text, axis.trim().data() - text->data());
      good &= addAxis(decl, axis.trim(), at);
      if (good && decl.sizes.back() > 0)
        elements *= decl.sizes.back();
      if (elements > MaxElements) {
        diags.error(value.at, "`" + *text + "` has more than 2^40 elements");
        return;
      }
    }
    if (!good)
      return;
    if (!decl.isFloat && decl.axes.size() == 1)
      model.names.inputs.insert(decl.name);
    model.inputs.push_back(std::move(decl));
  }

  bool addAxis(InputDecl &decl, StringRef axis, Place at) {
    const Dim *dim = model.findDim(axis);
    if (!dim && !(axis == "token" && model.hasTokens())) {
      std::vector<std::string> known;
      for (const Dim &each : model.dims)
        known.push_back(each.name);
      diags.error(at, "unknown size `" + axis + "`" +
                          (known.empty() ? "; sizes are named in `dims`"
                                         : didYouMean(axis, known)));
      return false;
    }
    if (llvm::is_contained(decl.axes, axis)) {
      diags.error(at, "axis `" + axis + "` is named twice");
      return false;
    }
    decl.axes.push_back(axis.str());
    decl.sizes.push_back(dim ? dim->size : -1);
    return true;
  }

  void context(Fields &fields) {
    const Node *node = fields.get("context");
    std::optional<int64_t> context =
        node ? constInteger(*node, model.names, diags) : std::nullopt;
    if (context && *context <= 0)
      diags.error(node->at,
                  "`context` is " + Twine(*context) + "; it is at least 1");
    model.context = context.value_or(0);
  }

  void readPromises(const Node &list) {
    const std::vector<std::string> known = {"causal", "cacheable",
                                            "rows_covered", "no_leak"};
    const std::vector<std::string> withValue = {"cache", "receptive_field",
                                                "aligned"};
    std::vector<std::string> all = known;
    for (const std::string &name : withValue)
      all.push_back("{" + name + ": N}");
    if (!list.isList())
      return diags.error(list.at, "`promises` is a list of " + orList(all) +
                                      ", found " + list.describe());
    for (const Node *item : list.items) {
      bool isPair = item->isMap() && item->keys.size() == 1;
      const Node &name = isPair ? *item->keys[0] : *item;
      if (name.isScalar() &&
          llvm::is_contained(isPair ? withValue : known, name.text))
        promise(name, isPair ? item->items[0] : nullptr);
      else if (isPair && name.isScalar() &&
               llvm::is_contained(known, name.text))
        diags.error(item->at, "`" + name.text +
                                  "` is promised by its name alone, without a "
                                  "value; found `" +
                                  name.text + ": …`");
      else if (!isPair && name.isScalar() &&
               llvm::is_contained(withValue, name.text))
        diags.error(item->at, "`" + name.text +
                                  "` is promised with a value, as `{" +
                                  name.text + ": N}`");
      else
        diags.error(item->at, "expected " + orList(all) + ", found " +
                                  name.describe() +
                                  didYouMean(name.text, known));
    }
  }

  /// Kept as the text `causal` or `cache: 1024`.
  void promise(const Node &name, const Node *value) {
    std::string text = name.text;
    if (text == "aligned") {
      if (!value->isScalar() ||
          (value->text != "start" && value->text != "end"))
        return diags.error(value->at, "expected `start` or `end`, found " +
                                          value->describe());
      text += ": " + value->text;
    } else if (value) {
      std::optional<int64_t> most = constInteger(*value, model.names, diags);
      if (most && *most < 0)
        diags.error(value->at, "`" + name.text + "` is " + Twine(*most) +
                                   "; it is at least 0");
      text += ": " + std::to_string(most.value_or(0));
    }
    model.promises.push_back({std::move(text), name.at});
  }

  void kind(const Node &root, const Node *outputs, Fields &fields) {
    if (model.hasTokens() && outputs)
      diags.error(outputs->at, "`outputs` belongs to models of plain tensors; "
                               "this one has tokens");
    if (!model.hasTokens() && !outputs)
      diags.error(root.at, "a model needs `decoder`, `encoder` or `outputs`");
    if (model.decoder && !model.context)
      fields.need("context");
    for (const NamedNode &let : model.lets)
      if (model.hasTokens())
        diags.error(let.at, "a pipeline is bound where it flows: by a `let` "
                            "step inside `decoder`, `encoder` or a block");
  }

  Model &model;
  Diagnostics &diags;
};

} // namespace

std::optional<Model> heed::readModelHead(const Document &document,
                                         Diagnostics &diags) {
  const Node &root = *document.root;
  if (!root.isMap()) {
    diags.error(root.at, "expected a map that begins with `model: NAME`, "
                         "found " +
                             root.describe());
    return std::nullopt;
  }
  Model model;
  model.path = diags.path().str();
  HeadReader(model, diags).read(root);
  return model;
}

static std::string cacheFolder() {
  if (const char *set = std::getenv("HEED_CACHE"); set && *set)
    return set;
  const char *home = std::getenv("HOME");
  return std::string(home ? home : "") + "/.cache/heed";
}

std::optional<std::string> heed::findFile(const Model &model, const Node &text,
                                          Diagnostics &diags) {
  std::optional<StringRef> name = scalarText(text, "a path", diags);
  if (!name)
    return std::nullopt;
  StringRef folder = llvm::sys::path::parent_path(model.path);
  llvm::SmallString<128> beside(folder), cached(cacheFolder());
  llvm::sys::path::append(beside, *name);
  llvm::sys::path::append(cached, *name);
  if (llvm::sys::path::is_absolute(*name))
    beside = *name;
  if (llvm::sys::fs::exists(beside))
    return beside.str().str();
  if (!llvm::sys::path::is_absolute(*name) && llvm::sys::fs::exists(cached))
    return cached.str().str();

  diags.error(text.at, "no file `" + *name + "`: looked for " + beside +
                           " and " + cached);
  return std::nullopt;
}
