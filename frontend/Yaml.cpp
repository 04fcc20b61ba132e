//===- Yaml.cpp - A YAML document as a tree -------------------------------===//
//
// The only file that meets yaml-cpp, which throws.
//
//===----------------------------------------------------------------------===//
#include "frontend/Yaml.h"
#include "frontend/Source.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <map>
#include <set>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

using namespace heed;
using llvm::StringRef;
using llvm::Twine;

const Node *Node::find(StringRef key) const {
  for (auto [name, value] : llvm::zip(keys, items))
    if (name->text == key)
      return value;
  return nullptr;
}

std::string Node::describe() const {
  switch (kind) {
  case Null:
    return "nothing";
  case Scalar:
    return "`" + (text.size() > 60 ? text.substr(0, 60) + "…" : text) + "`";
  case List:
    return "a list";
  case Map:
    return "a map";
  }
  llvm_unreachable("all kinds");
}

//===----------------------------------------------------------------------===//
// Brackets that belong to names
//===----------------------------------------------------------------------===//

/// Bytes that stand for brackets and commas which YAML must not see. Source
/// refuses control bytes, so they are free; one for one keeps every column.
static constexpr StringRef Shown = "{}[],:",
                           Hidden = "\x01\x02\x03\x04\x05\x06";

static void hide(std::string &text, size_t from, size_t upTo) {
  for (size_t i = from; i < upTo; ++i)
    if (size_t k = Shown.find(text[i]); k != StringRef::npos)
      text[i] = Hidden[k];
}

static std::string reveal(std::string text) {
  for (char &c : text)
    if (size_t k = Hidden.find(c); k != StringRef::npos)
      c = Shown[k];
  return text;
}

static std::string hideNameBrackets(StringRef source) {
  std::string text = source.str();
  for (size_t i = 0; i < text.size(); ++i) {
    if (source.substr(i).starts_with("{i}"))
      hide(text, i, i + 3);
    if (i == 0 || source[i] != '[' ||
        !(llvm::isAlnum(source[i - 1]) || source[i - 1] == '_'))
      continue;
    size_t depth = 0, end = i;
    for (; end < text.size() && source[end] != '\n'; ++end) {
      depth += source[end] == '[';
      depth -= source[end] == ']';
      if (depth == 0)
        break;
    }
    if (depth == 0 && end < text.size())
      hide(text, i, end + 1);
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Events to nodes
//===----------------------------------------------------------------------===//

namespace {

/// Thrown to leave yaml-cpp's parser after an error that ends the reading.
struct Stop {};

class TreeBuilder : public YAML::EventHandler {
public:
  TreeBuilder(Document &document, Diagnostics &diags)
      : document(document), diags(diags) {}

  void OnDocumentStart(const YAML::Mark &) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark &mark, YAML::anchor_t anchor) override {
    Node &node = make(Node::Null, mark, anchor);
    // The parser has read on; what is missing is missing at its key.
    if (!open.empty() && !open.back()->keys.empty())
      node.at = open.back()->keys.back()->at;
    add(node);
  }
  void OnScalar(const YAML::Mark &mark, const std::string &tag,
                YAML::anchor_t anchor, const std::string &value) override {
    Node &node = make(Node::Scalar, mark, anchor);
    node.text = reveal(value);
    node.quoted = tag == "!";
    add(node);
  }
  void OnAlias(const YAML::Mark &mark, YAML::anchor_t anchor) override {
    const Node *target = anchors[anchor];
    if (!target || llvm::is_contained(open, target)) {
      diags.error(place(mark), "this alias contains itself");
      throw Stop();
    }
    add(*target, place(mark));
  }
  void OnSequenceStart(const YAML::Mark &mark, const std::string &,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(make(Node::List, mark, anchor));
  }
  void OnMapStart(const YAML::Mark &mark, const std::string &,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    begin(make(Node::Map, mark, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

private:
  static Place place(const YAML::Mark &mark) {
    return {unsigned(mark.line + 1), unsigned(mark.column + 1)};
  }

  Node &make(Node::Kind kind, const YAML::Mark &mark, YAML::anchor_t anchor) {
    Node &node = document.nodes.emplace_back();
    node.kind = kind;
    node.at = place(mark);
    if (anchor)
      anchors[anchor] = &node;
    return node;
  }

  void begin(Node &node) {
    open.push_back(&node);
    keyLines.emplace_back();
  }
  void close() {
    Node &node = *open.pop_back_val();
    keyLines.pop_back();
    add(node);
  }

  void add(const Node &node) { add(node, node.at); }

  /// Puts a finished node where it stands; `at` is where it is named.
  void add(const Node &node, Place at) {
    if (open.empty()) {
      document.root = &node;
      return;
    }
    Node &parent = *open.back();
    parent.size += node.size;
    parent.depth = std::max(parent.depth, node.depth + 1);
    if (parent.depth > MaxNesting || parent.size > MaxNodes) {
      diags.error(at, parent.depth > MaxNesting
                          ? "nested deeper than " + Twine(MaxNesting)
                          : "more than " + Twine(MaxNodes) +
                                " nodes, with all aliases written out");
      throw Stop();
    }
    bool isKey = parent.isMap() && parent.keys.size() == parent.items.size();
    if (!isKey) {
      parent.items.push_back(&node);
      return;
    }
    if (!node.isScalar()) {
      diags.error(at, "expected a key, found " + node.describe());
      throw Stop();
    }
    parent.keys.push_back(&node);
    auto [first, isNew] = keyLines.back().try_emplace(node.text, at.line);
    if (!isNew)
      diags.error(at, "key `" + node.text +
                          "` stands here twice; first on "
                          "line " +
                          Twine(first->second));
  }

  Document &document;
  Diagnostics &diags;
  std::map<YAML::anchor_t, const Node *> anchors;
  llvm::SmallVector<Node *> open;
  std::vector<llvm::StringMap<unsigned>> keyLines; // of each open node
};

} // namespace

/// yaml-cpp's words, made to say what to do where that is known.
static std::string explain(StringRef said) {
  if (said.contains("end of map flow") || said.contains("end of sequence flow"))
    return "a `{` or `[` is not closed as expected here (text that holds "
           "brackets, commas or `: ` stands in quotes inside { } and [ ])";
  if (said.contains("illegal map value"))
    return "`:` is not expected here (text that holds `: ` stands in quotes)";
  if (said.contains("the referenced anchor is not defined"))
    return "this alias names an anchor that is not defined above";
  if (said.contains("bad file"))
    return "nested deeper than " + std::to_string(MaxNesting);
  return "not YAML: " + said.str();
}

std::optional<Document> heed::parseYaml(StringRef text, Diagnostics &diags) {
  Document document;
  try {
    std::istringstream stream(hideNameBrackets(text));
    YAML::Parser parser(stream);
    TreeBuilder builder(document, diags);
    if (!parser.HandleNextDocument(builder) || !document.root) {
      diags.error({1, 1}, "the file holds no model");
      return std::nullopt;
    }
    const Node *root = document.root;
    if (parser.HandleNextDocument(builder))
      diags.error(document.root->at, "a second document; expected one model");
    document.root = root;
  } catch (const YAML::Exception &e) {
    Place at{unsigned(e.mark.line + 1), unsigned(e.mark.column + 1)};
    diags.error(e.mark.is_null() ? Place{} : at, explain(e.msg));
    return std::nullopt;
  } catch (const Stop &) {
    return std::nullopt;
  }
  return document;
}
