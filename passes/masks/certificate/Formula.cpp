#include "passes/masks/certificate/Formula.h"

#include <algorithm>
#include <cctype>

using namespace heed::certificate;

std::optional<Linear> heed::certificate::combine(const Linear &a, int64_t ka,
                                                 const Linear &b, int64_t kb) {
  bool fits = true;
  auto one = [&](int64_t x, int64_t y) {
    int64_t left = 0, right = 0, result = 0;
    fits &= !__builtin_mul_overflow(x, ka, &left) &&
            !__builtin_mul_overflow(y, kb, &right) &&
            !__builtin_add_overflow(left, right, &result);
    return result;
  };
  Linear sum;
  for (size_t v = 0; v < a.coefficients.size() || v < b.coefficients.size();
       ++v)
    sum.coefficients.push_back(one(a.at(v), b.at(v)));
  sum.constant = one(a.constant, b.constant);
  while (!sum.coefficients.empty() && sum.coefficients.back() == 0)
    sum.coefficients.pop_back();
  return fits ? std::optional(sum) : std::nullopt;
}

static const Linear One = {{}, 1};

void Problem::add(const Formula &formula) {
  if (formula.kind == Formula::Atom)
    rows.push_back(formula.atom);
  else if (formula.kind == Formula::Or)
    alternatives.push_back(formula.parts);
  else
    for (const Formula &part : formula.parts)
      add(part);
}

Reader::Value Reader::fail(const std::string &why) {
  if (error.empty())
    error = why;
  next = tokens.size();
  return {};
}

Linear Reader::sum(const Linear &a, int64_t ka, const Linear &b, int64_t kb) {
  std::optional<Linear> result = combine(a, ka, b, kb);
  if (!result)
    fail("a number is too large");
  return result.value_or(Linear());
}

Formula Reader::negate(const Formula &formula) {
  if (formula.kind == Formula::Atom) {
    // not (e >= 0) is -e - 1 >= 0; not (e == 0) is that or e - 1 >= 0.
    const Linear &e = formula.atom.expression;
    Formula below{Formula::Atom, {sum(e, -1, One, -1), false}};
    if (!formula.atom.equality)
      return below;
    return {
        Formula::Or, {}, {below, {Formula::Atom, {sum(e, 1, One, -1), false}}}};
  }
  Formula result{formula.kind == Formula::And ? Formula::Or : Formula::And};
  for (const Formula &part : formula.parts)
    result.parts.push_back(negate(part));
  return result;
}

bool Reader::take(const std::string &token) {
  bool found = next < tokens.size() && tokens[next] == token;
  next += found;
  return found;
}

Reader::Value Reader::read(const std::string &text) {
  tokens.clear();
  next = depth = 0;
  auto isWord = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  for (size_t i = 0, end; i < text.size(); i = end) {
    end = i + 1;
    if (std::isspace((unsigned char)text[i]))
      continue;
    if (isWord(text[i]))
      while (end < text.size() && isWord(text[end]))
        ++end;
    else if (std::string("<>=!").find(text[i]) != std::string::npos)
      end += end < text.size() && text[end] == '=';
    tokens.push_back(text.substr(i, end - i));
  }
  Value value = logic(Formula::Or);
  return next == tokens.size()
             ? value
             : fail("unexpected `" + tokens[next] + "` in `" + text + "`");
}

Formula Reader::formula(const std::string &text, bool negated) {
  Value value = read(text);
  if (!value.formula)
    fail("`" + text + "` is a number, not a condition");
  Formula result = value.formula.value_or(Formula());
  return negated ? negate(result) : result;
}

Linear Reader::number(const std::string &text) {
  Value value = read(text);
  if (value.formula)
    fail("`" + text + "` is a condition, not a number");
  return value.number;
}

Reader::Value Reader::logic(Formula::Kind kind) {
  auto operand = [&]() -> Value {
    if (kind == Formula::Or)
      return logic(Formula::And);
    bool negated = false;
    while (take("not"))
      negated = !negated;
    Value value = comparison();
    if (negated && value.formula)
      value.formula = negate(*value.formula);
    return value;
  };
  const std::string word = kind == Formula::Or ? "or" : "and";
  Value first = operand();
  while (take(word)) {
    Value second = operand();
    if (!first.formula || !second.formula)
      return fail("`" + word + "` needs conditions");
    first.formula = Formula{kind, {}, {*first.formula, *second.formula}};
  }
  return first;
}

Reader::Value Reader::comparison() {
  Value left = arithmetic(false);
  Formula all;
  for (const char *word = nullptr;; word = nullptr) {
    for (const char *each : {"<=", "<", ">=", ">", "==", "!="})
      word = !word && take(each) ? each : word;
    if (!word)
      return all.parts.empty() ? left : Value{all};
    std::string op = word;
    Value right = arithmetic(false);
    if (left.formula || right.formula)
      return fail("`" + op + "` needs numbers");
    int64_t sign = op[0] == '<' ? 1 : -1;
    Linear difference = sum(right.number, sign, left.number, -sign);
    if (op == "<" || op == ">")
      difference = sum(difference, 1, One, -1);
    Formula one{Formula::Atom, {difference, op == "==" || op == "!="}};
    all.parts.push_back(op == "!=" ? negate(one) : one);
    left = right;
  }
}

Reader::Value Reader::arithmetic(bool isProduct) {
  auto operand = [&] { return isProduct ? primary() : arithmetic(true); };
  Value first = operand();
  while (next < tokens.size()) {
    std::string op = tokens[next];
    if (isProduct ? op != "*" && op != "floordiv" && op != "mod"
                  : op != "+" && op != "-")
      break;
    ++next;
    Value second = operand();
    if (first.formula || second.formula)
      return fail("`" + op + "` needs numbers");
    if (op == "*" && first.number.isConstant())
      std::swap(first, second);
    int64_t factor = second.number.constant;
    if (isProduct && !second.number.isConstant())
      return fail("`" + op + "` by a variable");
    if (isProduct && op != "*" && factor <= 0)
      return fail("`" + op + "` by a number that is not positive");
    first.number = !isProduct
                       ? sum(first.number, 1, second.number, op == "+" ? 1 : -1)
                   : op == "*" ? sum(first.number, factor, {}, 0)
                               : divide(first.number, factor, op == "mod");
  }
  return first;
}

Linear Reader::divide(const Linear &dividend, int64_t divisor, bool remainder) {
  // d = floor(n / m) where 0 <= n - m d <= m - 1.
  Linear quotient =
      variable("floor" + std::to_string(problem.variables.size()));
  Linear rest = sum(dividend, 1, quotient, -divisor);
  problem.rows.push_back({rest, false});
  problem.rows.push_back({sum(rest, -1, One, divisor - 1), false});
  return remainder ? rest : quotient;
}

Linear Reader::variable(const std::string &name) {
  auto &all = problem.variables;
  size_t v = std::find(all.begin(), all.end(), name) - all.begin();
  if (v == all.size())
    all.push_back(name);
  Linear result;
  result.coefficients.assign(v + 1, 0);
  result.coefficients[v] = 1;
  return result;
}

/// A name, or a look-up.
Reader::Value Reader::look(std::string token) {
  if (take("[")) {
    token += "[" + (next < tokens.size() ? tokens[next++] : "") + "]";
    if (!take("]"))
      return fail("`]` expected");
  }
  auto known = defined.find(token);
  return {{}, known != defined.end() ? known->second : variable(token)};
}

Reader::Value Reader::primary() {
  if (next == tokens.size())
    return fail("the text ends too early");
  if (++depth > 100)
    return fail("too deep");
  std::string token = tokens[next++];
  Value result;
  if (token == "(") {
    result = logic(Formula::Or);
    if (!take(")"))
      return fail("`)` expected");
  } else if (token == "-") {
    result = primary();
    if (result.formula)
      return fail("`-` needs a number");
    result.number = sum(result.number, -1, {}, 0);
  } else if (std::isdigit((unsigned char)token[0])) {
    int64_t &value = result.number.constant;
    for (char c : token)
      if (!std::isdigit((unsigned char)c) ||
          __builtin_mul_overflow(value, int64_t(10), &value) ||
          __builtin_add_overflow(value, int64_t(c - '0'), &value))
        return fail("`" + token + "` is no number");
  } else if (token == "all") {
    result.formula = Formula();
  } else if (token == "same" && take("(")) {
    std::string name = next < tokens.size() ? tokens[next++] : "";
    Linear difference =
        sum(variable(name + "[q]"), 1, variable(name + "[kv]"), -1);
    result.formula = Formula{Formula::Atom, {difference, true}};
    if (!take(")"))
      return fail("`)` expected");
  } else if (std::isalpha((unsigned char)token[0]) || token[0] == '_') {
    result = look(token);
  } else {
    return fail("unexpected `" + token + "`");
  }
  --depth;
  return result;
}
