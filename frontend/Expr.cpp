//===- Expr.cpp - Parses expressions by precedence climbing ---------------===//
#include "frontend/Expr.h"
#include "frontend/Source.h"

#include "llvm/ADT/StringExtras.h"

using namespace heed;
using llvm::StringRef;
using llvm::Twine;

bool Expr::isComparison() const {
  return kind == Binary && (name == "<" || name == "<=" || name == ">" ||
                            name == ">=" || name == "==" || name == "!=");
}

bool Expr::isLogic() const {
  return (kind == Binary && (name == "and" || name == "or")) ||
         (kind == Unary && name == "not");
}

namespace {

using Tree = std::shared_ptr<const Expr>;

enum Strength { Or = 1, And, Not, Comparison, Sum, Product, Sign };

struct Token {
  enum Kind { Number, Word, Mark, End, Bad } kind = End;
  size_t at = 0;
  StringRef text;
};

class Parser {
public:
  Parser(const Node &scalar, std::string what, Diagnostics &diags)
      : scalar(scalar), text(scalar.text), what(std::move(what)), diags(diags) {
    advance();
  }

  Tree parse() {
    if (token.kind == Token::End)
      return fail(scalar.at, "expected " + what + ", found nothing");
    Tree tree = parseAbove(Or);
    if (tree && token.kind != Token::End)
      return fail(here(), "expected an operator or the end, found `" +
                              token.text + "`");
    return tree;
  }

private:
  Place here() const { return diags.within(scalar.at, text, token.at); }
  Tree fail(Place at, const Twine &message) {
    if (!failed)
      diags.error(at, message);
    failed = true;
    return nullptr;
  }
  std::string found() const {
    return token.kind == Token::End ? "the end" : "`" + token.text.str() + "`";
  }

  void advance() {
    size_t at = end = token.at + token.text.size();
    while (at < text.size() && llvm::isSpace(text[at]))
      ++at;
    StringRef rest = text.substr(at);
    token = {Token::End, at, ""};
    if (rest.empty())
      return;
    auto word = [](char c) { return llvm::isAlnum(c) || c == '_'; };
    size_t length = 1;
    token.kind = Token::Mark;
    if (llvm::isDigit(rest[0]) ||
        (rest[0] == '.' && rest.size() > 1 && llvm::isDigit(rest[1]))) {
      token.kind = Token::Number;
      while (length < rest.size() &&
             (word(rest[length]) || rest[length] == '.' ||
              ((rest[length] == '-' || rest[length] == '+') &&
               (rest[length - 1] == 'e' || rest[length - 1] == 'E'))))
        ++length;
    } else if (word(rest[0])) {
      token.kind = Token::Word;
      while (length < rest.size() && word(rest[length]))
        ++length;
    } else if (rest.starts_with("{i}")) {
      token.kind = Token::Word;
      length = 3;
    } else if (rest.starts_with("<=") || rest.starts_with(">=") ||
               rest.starts_with("==") || rest.starts_with("!=")) {
      length = 2;
    } else if (!StringRef("<>+-*/()[],").contains(rest[0])) {
      token.kind = Token::Bad;
      while (length < rest.size() && (rest[length] & 0xC0) == 0x80)
        ++length;
    }
    token.text = rest.take_front(length);
  }

  bool is(StringRef mark) const {
    return token.text == mark &&
           (token.kind == Token::Mark || token.kind == Token::Word);
  }
  bool take(StringRef mark) {
    if (!is(mark))
      return false;
    advance();
    return true;
  }

  static int strength(StringRef op) {
    if (op == "or")
      return Or;
    if (op == "and")
      return And;
    if (op == "<" || op == "<=" || op == ">" || op == ">=" || op == "==" ||
        op == "!=")
      return Comparison;
    if (op == "+" || op == "-")
      return Sum;
    if (op == "*" || op == "/" || op == "floordiv" || op == "mod")
      return Product;
    return 0;
  }

  std::shared_ptr<Expr> make(Expr::Kind kind, Place at, size_t from,
                             StringRef name, std::vector<Tree> args) {
    auto expr = std::make_shared<Expr>();
    expr->kind = kind;
    expr->at = at;
    expr->text = text.slice(from, end);
    expr->name = name.str();
    expr->args = std::move(args);
    return expr;
  }

  /// An operand and all operators that bind at least as strong as `least`.
  Tree parseAbove(int least) {
    if (++depth > MaxNesting)
      return fail(here(),
                  "the expression is nested deeper than " + Twine(MaxNesting));
    size_t from = token.at;
    Tree tree = parseOperand(), last;
    size_t lastFrom = 0;
    for (int s; tree && token.kind != Token::Number &&
                (s = strength(token.text)) >= least && s > 0;) {
      Token op = token;
      Place at = here();
      advance();
      size_t rightFrom = token.at;
      Tree right = parseAbove(s + 1);
      if (!right)
        return nullptr;
      if (s == Comparison && last) { // a <= b < c
        Tree next = make(Expr::Binary, at, lastFrom, op.text, {last, right});
        tree = make(Expr::Binary, at, from, "and", {tree, next});
      } else {
        tree = make(Expr::Binary, at, from, op.text, {tree, right});
      }
      last = s == Comparison ? right : nullptr;
      lastFrom = rightFrom;
      if (++operators > 1000)
        return fail(at, "the expression has more than 1000 operators");
    }
    --depth;
    return tree;
  }

  Tree parseOperand() {
    size_t from = token.at;
    Place at = here();
    if (take("not")) {
      Tree arg = parseAbove(Not);
      return arg ? make(Expr::Unary, at, from, "not", {arg}) : nullptr;
    }
    if (take("-")) {
      Tree arg = parseAbove(Sign);
      return arg ? make(Expr::Unary, at, from, "-", {arg}) : nullptr;
    }
    if (take("(")) {
      Tree inner = parseAbove(Or);
      if (inner && !take(")"))
        return fail(here(), "expected `)`, found " + found());
      return inner;
    }
    if (token.kind == Token::Number)
      return parseNumber();
    if (token.kind == Token::Word && strength(token.text) == 0)
      return parseName();
    if (token.kind == Token::Bad)
      return fail(here(), "`" + token.text + "` does not belong in " + what);
    return fail(here(), "expected a number, a name or `(`, found " + found());
  }

  Tree parseNumber() {
    size_t from = token.at;
    Place at = here();
    StringRef digits = token.text;
    double number;
    if (digits.getAsDouble(number))
      return fail(at, "`" + digits + "` is not a number");
    if (number > double(int64_t(1) << 53))
      return fail(at, "`" + digits + "` is too large a number");
    advance();
    int64_t integer;
    bool whole = !digits.getAsInteger(10, integer);
    auto expr = make(whole ? Expr::Integer : Expr::Float, at, from, "", {});
    expr->number = number;
    expr->integer = whole ? integer : 0;
    return expr;
  }

  Tree parseName() {
    size_t from = token.at;
    Place at = here();
    StringRef name = token.text == "{i}" ? StringRef("i") : token.text;
    advance();
    bool call = is("(");
    if (!call && !is("["))
      return make(Expr::Name, at, from, name, {});
    advance();
    StringRef closing = call ? ")" : "]";
    std::vector<Tree> args;
    do {
      args.push_back(parseAbove(Or));
      if (!args.back())
        return nullptr;
    } while (take(","));
    if (!take(closing))
      return fail(here(),
                  "expected `,` or `" + closing + "`, found " + found());
    return make(call ? Expr::Call : Expr::Index, at, from, name, args);
  }

  const Node &scalar;
  StringRef text;
  std::string what;
  Diagnostics &diags;
  Token token;
  size_t end = 0; // of the token before
  size_t depth = 0, operators = 0;
  bool failed = false;
};

} // namespace

Tree heed::parseExpr(const Node &scalar, const Twine &what,
                     Diagnostics &diags) {
  if (!scalar.isScalar()) {
    diags.error(scalar.at, "expected " + what + ", found " + scalar.describe());
    return nullptr;
  }
  return Parser(scalar, what.str(), diags).parse();
}
