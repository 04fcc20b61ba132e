#include "passes/masks/certificate/Formula.h"

#include <algorithm>
#include <cctype>

using namespace heed::certificate;

std::optional<Linear> heed::certificate::combine(const Linear &a, int64_t ka,
                                                 const Linear &b, int64_t kb) {
  Linear sum;
  auto one = [](int64_t x, int64_t kx, int64_t y, int64_t ky, int64_t &result) {
    int64_t left, right;
    return !__builtin_mul_overflow(x, kx, &left) &&
           !__builtin_mul_overflow(y, ky, &right) &&
           !__builtin_add_overflow(left, right, &result);
  };
  sum.coefficients.resize(
      std::max(a.coefficients.size(), b.coefficients.size()));
  for (size_t v = 0; v < sum.coefficients.size(); ++v)
    if (!one(a.at(v), ka, b.at(v), kb, sum.coefficients[v]))
      return std::nullopt;
  if (!one(a.constant, ka, b.constant, kb, sum.constant))
    return std::nullopt;
  while (!sum.coefficients.empty() && sum.coefficients.back() == 0)
    sum.coefficients.pop_back();
  return sum;
}

static Linear constant(int64_t value) { return {{}, value}; }

static Formula atom(Linear expression, bool equality) {
  return {Formula::Atom, {std::move(expression), equality}, {}};
}

std::optional<Formula> heed::certificate::negate(const Formula &formula) {
  if (formula.kind == Formula::Atom) {
    // not (e >= 0) is -e - 1 >= 0; not (e == 0) is that or e - 1 >= 0.
    auto below = combine(formula.atom.expression, -1, constant(1), -1);
    auto above = combine(formula.atom.expression, 1, constant(1), -1);
    if (!below || !above)
      return std::nullopt;
    if (!formula.atom.equality)
      return atom(*below, false);
    return Formula{Formula::Or, {}, {atom(*below, false), atom(*above, false)}};
  }
  Formula result{
      formula.kind == Formula::And ? Formula::Or : Formula::And, {}, {}};
  for (const Formula &part : formula.parts) {
    std::optional<Formula> negated = negate(part);
    if (!negated)
      return std::nullopt;
    result.parts.push_back(std::move(*negated));
  }
  return result;
}

void Problem::add(const Formula &formula) {
  if (formula.kind == Formula::Atom)
    rows.push_back(formula.atom);
  else if (formula.kind == Formula::Or)
    alternatives.push_back(formula.parts);
  else
    for (const Formula &part : formula.parts)
      add(part);
}

void Reader::define(const std::string &name, std::optional<Linear> value) {
  defined.erase(name);
  if (value)
    defined[name] = *value;
}

std::optional<Reader::Value> Reader::fail(const std::string &why) {
  if (error.empty())
    error = why;
  return std::nullopt;
}

bool Reader::take(const std::string &token) {
  bool found = next < tokens.size() && tokens[next] == token;
  next += found;
  return found;
}

std::optional<Reader::Value> Reader::read(const std::string &text) {
  tokens.clear();
  next = 0;
  auto isWord = [](char c) {
    return std::isalnum((unsigned char)c) || c == '_';
  };
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (std::isspace((unsigned char)text[i])) {
      ++i;
      continue;
    }
    if (isWord(text[i]))
      while (end < text.size() && isWord(text[end]))
        ++end;
    else if (end < text.size() && text[end] == '=' &&
             std::string("<>=!").find(text[i]) != std::string::npos)
      ++end;
    tokens.push_back(text.substr(i, end - i));
    i = end;
  }
  std::optional<Value> value = logic(Formula::Or);
  if (value && next != tokens.size())
    return fail("unexpected `" + tokens[next] + "` in `" + text + "`");
  return value;
}

std::optional<Formula> Reader::formula(const std::string &text) {
  std::optional<Value> value = read(text);
  if (value && !value->isFormula)
    value = fail("`" + text + "` is a number, not a condition");
  return value ? std::optional(value->formula) : std::nullopt;
}

std::optional<Linear> Reader::number(const std::string &text) {
  std::optional<Value> value = read(text);
  if (value && value->isFormula)
    value = fail("`" + text + "` is a condition, not a number");
  return value ? std::optional(value->number) : std::nullopt;
}

std::optional<Reader::Value> Reader::logic(Formula::Kind kind) {
  auto operand = [&] {
    return kind == Formula::Or ? logic(Formula::And) : notLevel();
  };
  const char *word = kind == Formula::Or ? "or" : "and";
  std::optional<Value> first = operand();
  while (first && take(word)) {
    std::optional<Value> second = operand();
    if (!second || !first->isFormula || !second->isFormula)
      return fail("`" + std::string(word) + "` needs conditions");
    first->formula = {kind, {}, {first->formula, second->formula}};
  }
  return first;
}

std::optional<Reader::Value> Reader::notLevel() {
  if (!take("not"))
    return comparison();
  if (++depth > 100)
    return fail("too deep");
  std::optional<Value> value = notLevel();
  --depth;
  if (!value || !value->isFormula)
    return fail("`not` needs a condition");
  std::optional<Formula> negated = negate(value->formula);
  return negated ? std::optional(Value{true, {}, *negated}) : tooLarge();
}

std::optional<Reader::Value> Reader::comparison() {
  static const char *const operators[] = {"<=", "<", ">=", ">", "==", "!="};
  std::optional<Value> left = arithmetic(false);
  Formula all;
  while (left) {
    auto found = std::find_if(std::begin(operators), std::end(operators),
                              [&](const char *op) { return take(op); });
    if (found == std::end(operators))
      break;
    std::string op = *found;
    std::optional<Value> right = arithmetic(false);
    if (!right || left->isFormula || right->isFormula)
      return fail("`" + op + "` needs numbers");
    int64_t sign = op[0] == '<' ? 1 : -1;
    auto difference = combine(right->number, sign, left->number, -sign);
    if (difference && (op == "<" || op == ">"))
      difference = combine(*difference, 1, constant(1), -1);
    if (!difference)
      return tooLarge();
    std::optional<Formula> one = atom(*difference, op == "==" || op == "!=");
    if (op == "!=")
      one = negate(*one);
    if (!one)
      return tooLarge();
    all.parts.push_back(*one);
    left = right;
  }
  return left && !all.parts.empty() ? Value{true, {}, all} : left;
}

std::optional<Reader::Value> Reader::arithmetic(bool isProduct) {
  auto operand = [&] { return isProduct ? primary() : arithmetic(true); };
  std::optional<Value> first = operand();
  while (first && next < tokens.size()) {
    std::string op = tokens[next];
    if (isProduct ? op != "*" && op != "floordiv" && op != "mod"
                  : op != "+" && op != "-")
      break;
    ++next;
    std::optional<Value> second = operand();
    if (!second || first->isFormula || second->isFormula)
      return fail("`" + op + "` needs numbers");
    if (op == "*" && first->number.isConstant())
      std::swap(first, second);
    if (isProduct && !second->number.isConstant())
      return fail("`" + op + "` by a variable");
    int64_t factor = second->number.constant;
    if (isProduct && op != "*" && factor <= 0)
      return fail("`" + op + "` by a number that is not positive");
    std::optional<Linear> result =
        !isProduct
            ? combine(first->number, 1, second->number, op == "+" ? 1 : -1)
        : op == "*" ? combine(first->number, factor, {}, 0)
                    : divide(first->number, factor, op == "mod");
    if (!result)
      return tooLarge();
    first->number = *result;
  }
  return first;
}

std::optional<Linear> Reader::divide(const Linear &dividend, int64_t divisor,
                                     bool remainder) {
  // d = floor(n / m) where 0 <= n - m d <= m - 1.
  Linear quotient =
      variable("floor" + std::to_string(problem.variables.size()));
  std::optional<Linear> rest = combine(dividend, 1, quotient, -divisor);
  std::optional<Linear> most =
      rest ? combine(*rest, -1, constant(1), divisor - 1) : std::nullopt;
  if (!most)
    return std::nullopt;
  problem.rows.push_back({*rest, false});
  problem.rows.push_back({*most, false});
  return remainder ? rest : quotient;
}

Linear Reader::variable(const std::string &name) {
  size_t v =
      std::find(problem.variables.begin(), problem.variables.end(), name) -
      problem.variables.begin();
  if (v == problem.variables.size())
    problem.variables.push_back(name);
  Linear result;
  result.coefficients.assign(v + 1, 0);
  result.coefficients[v] = 1;
  return result;
}

std::optional<Reader::Value> Reader::primary() {
  if (next == tokens.size())
    return fail("the text ends too early");
  if (++depth > 100)
    return fail("too deep");
  std::string token = tokens[next++];
  std::optional<Value> result;
  if (token == "(") {
    result = logic(Formula::Or);
    if (result && !take(")"))
      return fail("`)` expected");
  } else if (token == "-") {
    result = primary();
    std::optional<Linear> opposite = result && !result->isFormula
                                         ? combine(result->number, -1, {}, 0)
                                         : std::nullopt;
    if (!opposite)
      return fail("`-` needs a number");
    result->number = *opposite;
  } else if (std::isdigit((unsigned char)token[0])) {
    Linear value;
    for (char c : token)
      if (!std::isdigit((unsigned char)c) ||
          __builtin_mul_overflow(value.constant, int64_t(10),
                                 &value.constant) ||
          __builtin_add_overflow(value.constant, int64_t(c - '0'),
                                 &value.constant))
        return fail("`" + token + "` is no number");
    result = Value{false, value, {}};
  } else if (token == "all") {
    result = Value{true, {}, {}};
  } else if (token == "same" && take("(")) {
    std::string name = next < tokens.size() ? tokens[next++] : "";
    if (!take(")"))
      return fail("`)` expected");
    auto difference =
        combine(variable(name + "[q]"), 1, variable(name + "[kv]"), -1);
    result = Value{true, {}, atom(*difference, true)};
  } else if (std::isalpha((unsigned char)token[0]) || token[0] == '_') {
    if (take("[")) {
      token += "[" + (next < tokens.size() ? tokens[next++] : "") + "]";
      if (!take("]"))
        return fail("`]` expected");
    }
    auto known = defined.find(token);
    result = Value{
        false, known != defined.end() ? known->second : variable(token), {}};
  } else {
    return fail("unexpected `" + token + "`");
  }
  --depth;
  return result;
}
