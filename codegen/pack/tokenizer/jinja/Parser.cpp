#include "codegen/pack/tokenizer/jinja/Parser.h"

#include "codegen/pack/tokenizer/jinja/Lexer.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <initializer_list>

namespace heed::jinja {

namespace {

constexpr int Deepest = 64;
constexpr unsigned Highest = 200;

/// Recursive descent. After the first problem every function returns early and
/// what it returns is not used.
class Parser {
public:
  explicit Parser(std::vector<Word> words) : words(std::move(words)) {}

  Result<Nodes> run() {
    Nodes nodes = parseNodes({});
    if (problem.empty() && word().kind != Word::Last)
      fail("a tag that nothing opened");
    if (!problem.empty())
      return Error{problem};
    return nodes;
  }

private:
  const Word &word(size_t ahead = 0) const {
    return words[std::min(at + ahead, words.size() - 1)];
  }
  void fail(std::string_view what) {
    if (problem.empty())
      problem = concat("line ", word().line, ": ", what);
    at = words.size() - 1;
  }
  bool isName(std::string_view name, size_t ahead = 0) const {
    return word(ahead).kind == Word::Name && word(ahead).text == name;
  }
  bool takeName(std::string_view name) {
    bool is = isName(name);
    at += is;
    return is;
  }
  bool takeSymbol(std::string_view symbol) {
    bool is = word().kind == Word::Symbol && word().text == symbol;
    at += is;
    return is;
  }
  void expectSymbol(std::string_view symbol) {
    if (!takeSymbol(symbol))
      fail(concat("expected '", symbol, "'"));
  }
  std::string expectName() {
    if (word().kind != Word::Name) {
      fail("expected a name");
      return {};
    }
    return words[at++].text;
  }
  void expect(Word::Kind kind, std::string_view what) {
    if (word().kind != kind)
      return fail(concat("expected ", what));
    ++at;
  }

  bool atTag(std::initializer_list<std::string_view> names) const {
    if (word().kind != Word::Begin)
      return false;
    return std::any_of(names.begin(), names.end(),
                       [&](auto name) { return isName(name, 1); });
  }

  /// Nodes up to a tag of one of `ends`, which stays, or up to the end.
  Nodes parseNodes(std::initializer_list<std::string_view> ends) {
    Nodes nodes;
    if (++depth > Deepest)
      fail("nested too deep");
    while (problem.empty() && word().kind != Word::Last && !atTag(ends)) {
      if (word().kind == Word::Text) {
        nodes.push_back({.kind = Node::Text, .text = words[at++].text});
      } else if (word().kind == Word::Open) {
        ++at;
        Node node{.kind = Node::Output, .value = parseExpression()};
        expect(Word::Close, "'}}'");
        nodes.push_back(std::move(node));
      } else {
        nodes.push_back(parseBlock());
      }
    }
    --depth;
    return nodes;
  }

  void endBlock(std::string_view name) {
    if (!atTag({name}))
      return fail(concat("expected '{% ", name, " %}'"));
    at += 2;
    expect(Word::End, "'%}'");
  }

  Node parseBlock() {
    expect(Word::Begin, "'{%'");
    if (takeName("if")) {
      Node node = parseIf();
      endBlock("endif");
      return node;
    }
    if (takeName("for")) {
      Node node{.kind = Node::For, .text = expectName()};
      if (!takeName("in"))
        fail("expected 'in' and one loop variable");
      node.value = parseOr();
      if (isName("if") || isName("recursive"))
        fail("loops with a condition are not supported");
      expect(Word::End, "'%}'");
      node.body = parseNodes({"endfor", "else"});
      endBlock("endfor");
      return node;
    }
    if (takeName("set")) {
      Node node{.kind = Node::Set, .text = expectName()};
      if (takeSymbol("."))
        node.member = expectName();
      expectSymbol("=");
      node.value = parseExpression();
      expect(Word::End, "'%}'");
      return node;
    }
    fail(concat("'{% ", word().text, "' is not supported here"));
    return {};
  }

  /// After `if` or `elif`; leaves the endif.
  Node parseIf() {
    if (++depth > Deepest)
      fail("nested too deep");
    Node node{.kind = Node::If, .value = parseExpression()};
    expect(Word::End, "'%}'");
    node.body = parseNodes({"elif", "else", "endif"});
    if (atTag({"elif"})) {
      at += 2;
      node.otherwise.push_back(parseIf());
    } else if (atTag({"else"})) {
      at += 2;
      expect(Word::End, "'%}'");
      node.otherwise = parseNodes({"endif"});
    }
    --depth;
    return node;
  }

  template <typename... Args>
  ExpressionPtr make(Expression::Kind kind, std::string text, Args... args) {
    auto made = std::make_unique<Expression>();
    made->kind = kind;
    made->text = std::move(text);
    (add(*made, std::move(args)), ...);
    return made;
  }
  void add(Expression &parent, ExpressionPtr child) {
    if (child)
      parent.height = std::max(parent.height, child->height + 1);
    if (parent.height > Highest)
      fail("an expression is too long");
    parent.args.push_back(std::move(child));
  }
  ExpressionPtr literal(Value value) {
    ExpressionPtr made = make(Expression::Literal, "");
    made->value = std::move(value);
    return made;
  }

  ExpressionPtr parseExpression() {
    if (++depth > Deepest)
      fail("nested too deep");
    ExpressionPtr value = parseOr();
    if (problem.empty() && takeName("if")) {
      ExpressionPtr condition = parseOr();
      ExpressionPtr otherwise;
      if (takeName("else"))
        otherwise = parseExpression();
      value = make(Expression::Conditional, "", std::move(value),
                   std::move(condition), std::move(otherwise));
    }
    --depth;
    return value;
  }
  ExpressionPtr parseOr() {
    ExpressionPtr left = parseAnd();
    while (problem.empty() && takeName("or"))
      left = make(Expression::Binary, "or", std::move(left), parseAnd());
    return left;
  }
  ExpressionPtr parseAnd() {
    ExpressionPtr left = parseNot();
    while (problem.empty() && takeName("and"))
      left = make(Expression::Binary, "and", std::move(left), parseNot());
    return left;
  }
  ExpressionPtr parseNot() {
    bool negated = false;
    while (takeName("not"))
      negated = !negated;
    ExpressionPtr value = parseComparison();
    return negated ? make(Expression::Not, "", std::move(value))
                   : std::move(value);
  }
  ExpressionPtr parseComparison() {
    ExpressionPtr left = parseSum();
    while (problem.empty()) {
      std::string symbol;
      for (std::string_view candidate : {"==", "!=", "<=", ">=", "<", ">"})
        if (symbol.empty() && takeSymbol(candidate))
          symbol = candidate;
      if (symbol.empty() && takeName("in"))
        symbol = "in";
      if (symbol.empty() && isName("not") && isName("in", 1)) {
        at += 2;
        left =
            make(Expression::Not, "",
                 make(Expression::Binary, "in", std::move(left), parseSum()));
        continue;
      }
      if (symbol.empty())
        break;
      left = make(Expression::Binary, symbol, std::move(left), parseSum());
    }
    return left;
  }
  ExpressionPtr parseSum() {
    ExpressionPtr left = parseProduct();
    while (problem.empty()) {
      std::string symbol;
      for (std::string_view candidate : {"+", "-", "~"})
        if (symbol.empty() && takeSymbol(candidate))
          symbol = candidate;
      if (symbol.empty())
        break;
      left = make(Expression::Binary, symbol, std::move(left), parseProduct());
    }
    return left;
  }
  ExpressionPtr parseProduct() {
    ExpressionPtr left = parseUnary();
    while (problem.empty() && takeSymbol("%"))
      left = make(Expression::Binary, "%", std::move(left), parseUnary());
    return left;
  }
  ExpressionPtr parseUnary() {
    if (takeSymbol("-"))
      return make(Expression::Negate, "", parsePostfix());
    return parsePostfix();
  }

  /// A primary with members, indices, calls, filters and tests.
  ExpressionPtr parsePostfix() {
    ExpressionPtr value = parsePrimary();
    while (problem.empty()) {
      if (takeSymbol(".")) {
        value = make(Expression::Member, expectName(), std::move(value));
      } else if (takeSymbol("[")) {
        value = parseIndex(std::move(value));
      } else if (takeSymbol("(")) {
        value = make(Expression::Call, "", std::move(value));
        parseArguments(*value);
      } else if (takeSymbol("|")) {
        value = make(Expression::Filter, expectName(), std::move(value));
        if (takeSymbol("("))
          parseArguments(*value);
      } else if (takeName("is")) {
        bool negated = takeName("not");
        value = make(Expression::Test, expectName(), std::move(value));
        if (negated)
          value = make(Expression::Not, "", std::move(value));
      } else {
        break;
      }
    }
    return value;
  }

  /// After '['.
  ExpressionPtr parseIndex(ExpressionPtr base) {
    ExpressionPtr first, second;
    if (!(word().kind == Word::Symbol && word().text == ":"))
      first = parseExpression();
    if (!takeSymbol(":")) {
      expectSymbol("]");
      return make(Expression::Index, "", std::move(base), std::move(first));
    }
    if (!(word().kind == Word::Symbol && word().text == "]"))
      second = parseExpression();
    expectSymbol("]");
    return make(Expression::Slice, "", std::move(base), std::move(first),
                std::move(second));
  }

  /// After '('.
  void parseArguments(Expression &call) {
    while (problem.empty() && !takeSymbol(")")) {
      bool named = word().kind == Word::Name && word(1).kind == Word::Symbol &&
                   word(1).text == "=";
      if (named) {
        std::string name = expectName();
        ++at;
        call.named.emplace_back(std::move(name), parseExpression());
        call.height =
            std::max(call.height, call.named.back().second->height + 1);
      } else {
        add(call, parseExpression());
      }
      if (!takeSymbol(",") &&
          !(word().kind == Word::Symbol && word().text == ")"))
        fail("expected ',' or ')'");
    }
  }

  ExpressionPtr parsePrimary() {
    const Word &first = word();
    switch (first.kind) {
    case Word::String: {
      std::string text = words[at++].text;
      while (word().kind == Word::String) // neighbours join, as in Python
        text += words[at++].text;
      return literal(Value::of(std::move(text)));
    }
    case Word::Number:
      return literal(Value::of(words[at++].number));
    case Word::Name: {
      std::string name = words[at++].text;
      if (name == "true" || name == "True")
        return literal(Value::of(true));
      if (name == "false" || name == "False")
        return literal(Value::of(false));
      if (name == "none" || name == "None")
        return literal(Value::none());
      return make(Expression::Name, std::move(name));
    }
    default:
      break;
    }
    if (takeSymbol("(")) {
      ExpressionPtr inner = parseExpression();
      expectSymbol(")");
      return inner;
    }
    if (takeSymbol("[")) {
      ExpressionPtr list = make(Expression::ListOf, "");
      while (problem.empty() && !takeSymbol("]")) {
        add(*list, parseExpression());
        if (!takeSymbol(",") &&
            !(word().kind == Word::Symbol && word().text == "]"))
          fail("expected ',' or ']'");
      }
      return list;
    }
    fail("expected a value");
    return literal({});
  }

  std::vector<Word> words;
  size_t at = 0;
  int depth = 0;
  std::string problem;
};

} // namespace

Result<Nodes> parse(std::string_view source) {
  Result<std::vector<Word>> words = lex(source);
  if (!words)
    return words.error();
  return Parser(std::move(*words)).run();
}

} // namespace heed::jinja
