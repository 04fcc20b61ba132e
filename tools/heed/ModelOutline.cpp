#include "tools/heed/ModelOutline.h"

#include "frontend/Model.h"
#include "frontend/Source.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <map>
#include <set>

using namespace heed;
using certificate::Outline;
using certificate::Step;
using llvm::StringRef;

namespace {
/// A value of the model: the step that makes it (none: nothing of the sequence
/// that is generated), and the axis along which its rows lie.
struct Value {
  std::optional<size_t> step;
  std::string axis;
};

/// Of one `repeat`.
constexpr int64_t MaxLayers = 4096;

/// What stands behind the name of a step, for those that hold pipelines.
const std::map<std::string, std::string> MainKeys = {
    {"residual", "steps"}, {"add", "of"},      {"multiply", "of"},
    {"concat", "of"},      {"let", "names"},   {"repeat", "block"},
    {"attention", ""},     {"linear", ""},     {"embed", ""},
    {"token_types", ""},   {"positions", ""},  {"rms_norm", ""},
    {"layer_norm", ""},    {"rope", ""},       {"mlp", ""},
    {"gated_mlp", ""},     {"activation", ""}, {"scale", ""},
    {"slice", ""},         {"logits", ""},     {"split_heads", "heads"},
    {"merge_heads", ""},   {"pool", ""},       {"l2_normalize", ""}};

class OutlineReader {
public:
  OutlineReader(const Model &model, Diagnostics &diags)
      : model(model), diags(diags), names(model.names) {}

  ModelOutline read() {
    result.hasDecoder = model.decoder;
    for (const Promise &promise : model.promises)
      promised(promise.text, promise.at, false);
    for (const char *own : {"causal", "cacheable"})
      if (model.decoder)
        promised(own, model.decoder->at, true);
    if (model.encoder)
      tokens("encoder", *model.encoder, model.decoder ? "source" : "token");
    if (model.decoder)
      tokens("logits", *model.decoder, "token");
    for (const NamedNode &output : model.outputs) {
      begin("");
      for (const NamedNode &let : model.lets)
        bound[let.name] = pipeline(*let.node, {});
      end(output.name, pipeline(*output.node, {}));
    }
    return std::move(result);
  }

private:
  //===--- Outputs --------------------------------------------------------===//

  void tokens(const std::string &name, const Node &node,
              const std::string &axis) {
    begin(axis);
    isDecoder = name == "logits";
    ids = make("tokens", {}, axis);
    if (name == "logits" && model.encoder)
      bound["encoder"] = {std::nullopt, "source"};
    end(name, pipeline(node, ids));
  }

  static bool isHead(const std::string &axis) {
    return axis == "heads" || axis == "kv_heads" || axis == "head";
  }

  /// The rows of an input: its last axis that holds neither features nor heads.
  static std::string rowsOf(const InputDecl &input) {
    std::string axis;
    for (const std::string &name :
         llvm::ArrayRef(input.axes).drop_back(input.isFloat))
      if (!isHead(name))
        axis = name;
    return axis;
  }

  void begin(const std::string &tokenAxis) {
    steps.clear();
    axes.clear();
    attended.clear();
    sequence = tokenAxis;
    bound.clear();
    std::set<std::string> rowAxes = {tokenAxis};
    for (const InputDecl &input : model.inputs)
      rowAxes.insert(rowsOf(input));
    rowAxes.erase("");
    for (const InputDecl &input : model.inputs) {
      Value value = make("input", {}, rowsOf(input));
      // Features must be no rows, and there must be one axis of rows.
      bool headsLast =
          llvm::none_of(llvm::ArrayRef(input.axes).drop_back(),
                        [](const std::string &axis) { return axis == "head"; });
      bool oneAxis = llvm::count_if(input.axes, [&](const std::string &axis) {
                       return rowAxes.count(axis);
                     }) == (value.axis.empty() ? 0 : 1);
      if (!headsLast || !oneAxis)
        value = make("rows that are not told apart",
                     {{*value.step, Outline::SameRow}}, value.axis);
      bound[input.name] = value;
      if (llvm::is_contained(input.axes, "heads"))
        if (const Dim *heads = model.findDim("heads"))
          mostHeads = std::max(mostHeads, heads->size);
    }
  }

  /// Keeps the steps that the output reads. Which axis is the sequence only
  /// tokens or an attention say: where neither does, a norm or a slice may work
  /// along it, and nothing is said of the output.
  void end(const std::string &name, const Value &output) {
    result.outputs.push_back(name);
    if (!output.step)
      return;
    std::vector<bool> isRead(steps.size());
    isRead[*output.step] = true;
    for (size_t s = steps.size(); s-- > 0;)
      for (auto [read, mask] : steps[s].reads)
        isRead[read] = isRead[read] || isRead[s];
    std::set<std::string> sequences;
    if (!sequence.empty())
      sequences.insert(sequence);
    for (size_t s = 0; s <= *output.step; ++s)
      if (auto named = attended.find(s); isRead[s] && named != attended.end())
        sequences.insert(named->second.begin(), named->second.end());
    bool isKnown = !sequences.empty() && !sequences.count("");
    for (size_t s = 0; s <= *output.step; ++s)
      isKnown &= !isRead[s] || axes[s].empty() || sequences.count(axes[s]);
    if (!isKnown)
      return;
    std::vector<Step> kept;
    std::vector<size_t> number(steps.size());
    for (size_t s = 0; s <= *output.step; ++s) {
      if (!isRead[s])
        continue;
      number[s] = kept.size();
      kept.push_back(steps[s]);
      for (auto &[read, mask] : kept.back().reads)
        read = number[read];
    }
    result.outline.outputs.emplace_back(name, std::move(kept));
  }

  /// What is promised twice is the file's own.
  void promised(const std::string &text, Place at, bool isOwn) {
    if (llvm::none_of(result.promises,
                      [&](const auto &each) { return each.text == text; }))
      result.promises.push_back({text, placeOf(at), isOwn});
  }

  //===--- Steps ----------------------------------------------------------===//

  Value make(const std::string &name,
             std::vector<std::pair<size_t, size_t>> reads,
             const std::string &axis) {
    steps.push_back({name, std::move(reads)});
    axes.push_back(axis);
    return {steps.size() - 1, axis};
  }

  /// A step that reads the same row of each of these.
  Value sameRow(const std::string &name, const std::vector<Value> &values) {
    std::vector<std::pair<size_t, size_t>> reads;
    std::string axis;
    for (const Value &value : values) {
      if (value.step)
        reads.emplace_back(*value.step, Outline::SameRow);
      axis = axis.empty() ? value.axis : axis;
    }
    if (reads.empty()) // nothing of the sequence
      return {std::nullopt, axis};
    return make(name, std::move(reads), axis);
  }

  Value pipeline(const Node &node, Value x) {
    if (!node.isList())
      return step(node, x, true);
    for (auto [i, item] : llvm::enumerate(node.items))
      x = item->isList() ? pipeline(*item, x) : step(*item, x, i == 0);
    return x;
  }

  std::vector<Value> pipelines(const Node &list, const Value &x) {
    std::vector<Value> values;
    for (const Node *item : list.items)
      values.push_back(pipeline(*item, x));
    return values;
  }

  Value named(const Node &node) {
    auto it = bound.find(node.text);
    if (it != bound.end())
      return it->second;
    diags.error(node.at, "no value is named `" + node.text + "`");
    return {};
  }

  struct Options {
    const Node *node;  ///< the map that the step's name stands in
    const Node *value; ///< behind the name
    std::string name, mainKey;
    Place at;

    const Node *get(StringRef key) const {
      if (value && value->isMap() && name != "let") {
        if (const Node *found = value->find(key))
          return found;
      } else if (value && key == mainKey) {
        return value;
      }
      return node->isMap() ? node->find(key) : nullptr;
    }
  };

  Value step(const Node &node, const Value &x, bool isFirst) {
    if (++numSteps > MaxSteps) {
      if (numSteps == MaxSteps + 1)
        diags.error(node.at, "the model has more than " +
                                 llvm::Twine(MaxSteps) + " steps");
      return x;
    }
    if (node.isScalar() && isFirst && bound.count(node.text))
      return bound[node.text];
    Options options{&node, nullptr, node.text, "", node.at};
    for (size_t i = node.keys.size(); i-- > 0;)
      if (auto it = MainKeys.find(node.keys[i]->text); it != MainKeys.end())
        options = {&node, node.items[i], it->first, it->second,
                   node.keys[i]->at};
    return run(options, x);
  }

  Value run(const Options &options, const Value &x) {
    const std::string &name = options.name;
    const Node *main = options.get(options.mainKey);
    if (const Node *heads = options.get("heads"))
      mostHeads =
          std::max(mostHeads, constInteger(*heads, names, diags).value_or(0));
    if (name == "attention")
      return attention(options, x);
    if (name == "embed")
      return sameRow(name, {ids});
    if (name == "token_types")
      return sameRow(name, {x, ids});
    if (main && name == "let") {
      for (auto [key, value] : llvm::zip(main->keys, main->items))
        bound[key->text] = pipeline(*value, x);
      return x;
    }
    if (main && name == "repeat")
      return repeat(options, *main, x);
    if (main && name == "residual")
      return sameRow(name, {x, pipeline(*main, x)});
    if (main && MainKeys.find(name)->second == "of")
      return sameRow(name, main->isScalar() ? std::vector{x, named(*main)}
                                            : pipelines(*main, x));
    return sameRow(name, {x});
  }

  Value repeat(const Options &options, const Node &block, Value x) {
    const Node *timesNode = options.get("times"),
               *firstNode = options.get("first");
    auto number = [&](const Node *node, int64_t otherwise) {
      return node ? constInteger(*node, names, diags).value_or(0) : otherwise;
    };
    int64_t times = number(timesNode, 1), layer = number(firstNode, 0);
    if (times > MaxLayers)
      diags.error(timesNode->at,
                  "more than " + llvm::Twine(MaxLayers) + " layers");
    ExprNames outerNames = names;
    std::map<std::string, Value> outerBound = bound;
    std::vector<const Node *> blocks = {&block};
    if (block.isList())
      blocks = block.items;
    for (int64_t turn = 0;
         turn < std::min(times, MaxLayers) && numSteps <= MaxSteps; ++turn)
      for (const Node *name : blocks) {
        auto found = llvm::find_if(model.blocks, [&](const NamedNode &each) {
          return each.name == name->text;
        });
        if (found == model.blocks.end() || !open.insert(found->name).second) {
          diags.error(name->at, "no block `" + name->text + "` to repeat here");
          return x;
        }
        names.integers["i"] = layer++;
        x = pipeline(*found->node, x);
        bound = outerBound;
        open.erase(found->name);
      }
    names = outerNames;
    return x;
  }

  Value attention(const Options &options, const Value &x) {
    const Node *from = options.get("from"), *out = options.get("out");
    Value keysFrom = from ? named(*from) : x;
    auto branch = [&](StringRef key, const Value &flow) {
      const Node *node = options.get(key);
      return node ? pipeline(*node, flow) : Value();
    };
    Value q = branch("q", x), k = branch("k", keysFrom),
          v = branch("v", keysFrom);
    const Node *words = options.get("mask");
    std::set<std::string> tables;
    size_t mask =
        maskNumber(words ? words->text : "all", words ? words->at : options.at,
                   q.axis == k.axis, tables);
    std::vector<std::pair<size_t, size_t>> reads;
    if (q.step)
      reads.emplace_back(*q.step, Outline::SameRow);
    for (const Value &keys : {k, v})
      if (keys.step)
        reads.emplace_back(*keys.step, mask);
    for (const std::string &table : tables)
      for (size_t by : {size_t(Outline::SameRow), mask})
        if (std::optional<size_t> input = bound[table].step)
          reads.emplace_back(*input, by);
    Value result = make("attention", std::move(reads), q.axis);
    for (const Value &rows : {q, k, v})
      if (rows.step)
        attended[*result.step].insert(rows.axis);
    return out ? pipeline(*out, result) : result;
  }

  //===--- Masks ----------------------------------------------------------===//

  static std::string placeOf(Place at) {
    return std::to_string(at.line) + ":" + std::to_string(at.column);
  }

  /// The mask with integers for the names of the file; `given` gets what is
  /// known of the symbols, `tables` the inputs that it looks up.
  std::string expand(StringRef text, Place at, std::set<std::string> &given,
                     std::set<std::string> &tables) {
    std::string words;
    auto integer = [&](const std::string &expr) {
      Node node;
      node.kind = Node::Scalar;
      node.at = at;
      node.text = expr;
      int64_t value = constInteger(node, names, diags).value_or(0);
      std::string digits = std::to_string(value);
      return value < 0 ? "(" + digits + ")" : digits;
    };
    static const std::set<std::string> ownWords = {
        "q",   "kv",  "q_len", "kv_len", "h",   "b",
        "all", "and", "or",    "not",    "mod", "floordiv"};
    auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_'; };
    while (!text.empty()) {
      StringRef word = text.take_while(isWord);
      if (word.empty()) {
        words += text[0] == '\n' ? ' ' : text[0];
        text = text.drop_front();
        continue;
      }
      std::string name = word.str();
      text = text.drop_front(word.size());
      StringRef inside = text;
      bool isLookUp = inside.consume_front("[");
      auto [index, behind] = inside.split(']');
      auto list = names.lists.find(name);
      if (name == "same") {
        std::string table = text.ltrim(" (").take_while(isWord).str();
        words += "(" + table + "[q] == " + table + "[kv])";
        tables.insert(table);
        text = text.split(')').second;
      } else if (list != names.lists.end() && isLookUp) {
        if (index.trim() == "h") {
          auto [least, most] =
              std::minmax_element(list->second.begin(), list->second.end());
          given.insert(std::to_string(*least) + " <= " + name +
                       "[h] <= " + std::to_string(*most));
          words += name + "[h]";
        } else {
          words += integer((name + "[" + index + "]").str());
        }
        text = behind;
      } else if (names.integers.count(name) && !ownWords.count(name)) {
        words += integer(name);
      } else {
        words += name;
        if (names.inputs.count(name))
          tables.insert(name);
        else if (!llvm::isDigit(name[0]) && !ownWords.count(name))
          diags.error(at, "the mask names `" + name + "`, which has no value");
        if (name == "q_len")
          given.insert("q_len >= 1");
        if (name == "kv_len")
          given.insert("kv_len == L and L >= 0");
        if (name == "b")
          given.insert("b >= 0");
        if (name == "h" && mostHeads > 0)
          given.insert("0 <= h < " + std::to_string(mostHeads));
      }
    }
    for (const std::string &table : tables)
      if (!names.inputs.count(table))
        diags.error(at, "the mask looks up `" + table + "`, which is no input");
    return words;
  }

  size_t maskNumber(const std::string &text, Place at, bool ownRows,
                    std::set<std::string> &tables) {
    std::set<std::string> given;
    certificate::Mask mask;
    mask.words = expand(text, at, given, tables);
    if (ownRows) // a tile's own positions are among the keys
      given.insert("L >= q1");
    const bool readsQueries = given.count("q_len >= 1");
    if (readsQueries && !isDecoder) // rows are counted from the first query
      given.insert(ownRows ? "q_len == L" : "q_len >= q1");
    mask.given = given.empty() ? "all" : llvm::join(given, " and ");
    mask.title = placeOf(at) + " " + mask.words +
                 (given.empty() ? "" : " given " + mask.given);
    if (!ownRows && !isDecoder &&
        (result.isPromised("aligned: end") ||
         result.isPromised("aligned: start"))) {
      mask.assumed = readsQueries ? "q_len <= L" : "q1 <= L";
      mask.title += " assuming " + mask.assumed;
    }
    // The language has no other order.
    mask.order = "rule == 0 and mask == 1 and softmax == 2";
    auto &all = result.outline.masks;
    for (size_t m = Outline::FirstMask; m < all.size(); ++m)
      if (all[m].title == mask.title)
        return m;
    auto layer = names.integers.find("i");
    result.places.push_back({placeOf(at),
                             layer == names.integers.end()
                                 ? std::nullopt
                                 : std::optional(layer->second),
                             ownRows});
    all.push_back(std::move(mask));
    return all.size() - 1;
  }

  const Model &model;
  Diagnostics &diags;
  ExprNames names;
  ModelOutline result;
  std::vector<Step> steps;       // of one output
  std::vector<std::string> axes; ///< of the rows of each step
  /// The axes that each attention takes for sequences, by its step.
  std::map<size_t, std::set<std::string>> attended;
  std::string sequence; ///< the axis of tokens, if there are any
  std::map<std::string, Value> bound;
  std::set<std::string> open; // blocks
  Value ids;
  int64_t mostHeads = 0;
  bool isDecoder = false; ///< keys of earlier calls lie in a cache
  size_t numSteps = 0;
};
} // namespace

bool ModelOutline::isPromised(const std::string &text) const {
  return llvm::any_of(promises,
                      [&](const Promise &each) { return each.text == text; });
}

std::optional<ModelOutline> ModelOutline::read(const std::string &path) {
  Diagnostics diags;
  std::optional<std::string> text = readSource(path, diags);
  std::optional<Document> document =
      text ? parseYaml(*text, diags) : std::nullopt;
  std::optional<Model> model =
      document ? readModelHead(*document, diags) : std::nullopt;
  std::optional<ModelOutline> outline;
  if (model && !diags.any())
    outline = OutlineReader(*model, diags).read();
  if (diags.any()) {
    diags.print(llvm::errs());
    return std::nullopt;
  }
  return outline;
}
