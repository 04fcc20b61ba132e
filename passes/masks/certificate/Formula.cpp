#include "passes/masks/certificate/Checker.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace heed::certificate {

void require(bool good, const std::string &why) {
  if (!good)
    throw std::domain_error(why);
}

Linear combine(const Linear &a, int64_t ka, const Linear &b, int64_t kb) {
  Linear sum(std::max(a.size(), b.size()));
  for (size_t i = 0; i < sum.size(); ++i) {
    __int128 exact = __int128(i < a.size() ? a[i] : 0) * ka +
                     __int128(i < b.size() ? b[i] : 0) * kb;
    require(exact <= INT64_MAX && exact >= -INT64_MAX, "a number is too large");
    sum[i] = int64_t(exact);
  }
  while (sum.size() > 1 && sum.back() == 0)
    sum.pop_back();
  return sum;
}

void Problem::add(const Formula &formula) {
  if (formula.kind == Formula::AtLeast0)
    rows.push_back(formula.number);
  else if (formula.kind == Formula::Or)
    alternatives.push_back(formula.parts);
  else
    for (const Formula &part : formula.parts)
      add(part);
}

Formula negate(const Formula &formula) {
  if (formula.kind == Formula::AtLeast0) // not (e >= 0) is -e - 1 >= 0
    return {Formula::AtLeast0, combine(formula.number, -1, {1}, -1)};
  Formula result{formula.kind == Formula::And ? Formula::Or : Formula::And};
  for (const Formula &part : formula.parts)
    result.parts.push_back(negate(part));
  return result;
}

bool isOneOf(const std::string &word, const std::string &words) {
  return (" " + words + " ").find(" " + word + " ") != std::string::npos;
}

static Formula compare(const std::string &op, const Linear &a,
                       const Linear &b) {
  const Linear least = {isOneOf(op, "< > !=")}, more = combine(b, 1, a, -1);
  Formula above{Formula::AtLeast0, combine(more, 1, least, -1)},
      below{Formula::AtLeast0, combine(more, -1, least, -1)};
  if (op[0] == '<' || op[0] == '>')
    return op[0] == '<' ? above : below;
  return {op == "==" ? Formula::And : Formula::Or, {0}, {above, below}};
}

static const Formula &expect(bool isNumber, const Formula &value) {
  require((value.kind == Formula::Number) == isNumber,
          isNumber ? "a number is expected" : "a condition is expected");
  return value;
}

struct Reader {
  Problem &problem;
  std::vector<std::string> tokens = {};
  size_t next = 0, depth = 0;

  Formula read(const std::string &text) {
    auto isWord = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
    for (size_t i = 0, end; i < text.size(); i = end) {
      for (end = i; end < text.size() && isWord(text[end]);)
        ++end;
      if (end == i) // a sign, perhaps of two characters
        end += isOneOf(text.substr(i, 2), "<= >= == !=") ? 2 : 1;
      require(text[i] != '$', "unexpected `$`");
      if (!std::isspace((unsigned char)text[i]))
        tokens.push_back(text.substr(i, end - i));
    }
    tokens.push_back(""); // the end
    Formula value = binary(0);
    require(next + 1 == tokens.size(),
            "unexpected `" + tokens[next] + "` in `" + text + "`");
    return value;
  }
  bool take(const std::string &t) { return tokens[next] == t && ++next; }
  std::string word() {
    require(!tokens[next].empty(), "the text ends too early");
    return tokens[next++];
  }
  Formula binary(size_t level) {
    static const char *operators[] = {"or", "and", "< <= > >= == !=", "+ -",
                                      "* floordiv mod"};
    if (level == std::size(operators))
      return primary();
    bool negated = false;
    while (level == 2 && take("not"))
      negated = !negated;
    Formula left = binary(level + 1), chain;
    while (isOneOf(tokens[next], operators[level])) {
      std::string op = word();
      Formula right = expect(level >= 2, binary(level + 1));
      expect(level >= 2, left);
      if (level < 2) {
        left = {op == "or" ? Formula::Or : Formula::And, {0}, {left, right}};
      } else if (level == 2) {
        chain.parts.push_back(compare(op, left.number, right.number));
        left = right;
      } else {
        left.number = arithmetic(op, left.number, right.number);
      }
    }
    Formula value = chain.parts.empty() ? left : chain;
    return negated ? negate(expect(false, value)) : value;
  }
  Linear arithmetic(const std::string &op, Linear a, Linear b) {
    if (isOneOf(op, "+ -"))
      return combine(a, 1, b, op == "+" ? 1 : -1);
    if (op == "*" && a.size() == 1)
      std::swap(a, b);
    require(b.size() == 1, "`" + op + "` by a variable");
    if (op == "*")
      return combine(a, b[0], {0}, 0);
    require(b[0] > 0, "`" + op + "` by a number that is not positive");
    // d = floor(a / b) where 0 <= a - b d <= b - 1.
    Linear quotient =
        variable("floor " + std::to_string(problem.variables.size()));
    Linear rest = combine(a, 1, quotient, -b[0]);
    problem.rows.push_back(rest);
    problem.rows.push_back(combine(rest, -1, {1}, b[0] - 1));
    return op == "mod" ? rest : quotient;
  }
  Linear variable(const std::string &name) {
    auto &all = problem.variables;
    size_t v = std::find(all.begin(), all.end(), name) - all.begin();
    if (v == all.size())
      all.push_back(name);
    Linear result(v + 2);
    result[v + 1] = 1;
    return result;
  }
  Formula primary() {
    require(++depth <= 100, "too deep");
    std::string token = word();
    Formula value{Formula::Number};
    if (token == "(") {
      value = binary(0);
      require(take(")"), "`)` expected");
    } else if (token == "-") {
      value.number = combine(expect(true, primary()).number, -1, {0}, 0);
    } else if (std::isdigit((unsigned char)token[0])) {
      for (char c : token) {
        require(std::isdigit((unsigned char)c), "`" + token + "` is no number");
        value.number = combine(value.number, 10, {1}, c - '0');
      }
    } else if (token == "all") {
      value = Formula();
    } else {
      require(std::isalpha((unsigned char)token[0]) || token[0] == '_',
              "unexpected `" + token + "`");
      if (take("["))
        for (token += "["; token.back() != ']';)
          token += word();
      value.number = variable(token);
    }
    --depth;
    return value;
  }
};

Formula Problem::read(const std::string &text, bool isNumber) {
  return expect(isNumber, Reader{*this}.read(text));
}
} // namespace heed::certificate
