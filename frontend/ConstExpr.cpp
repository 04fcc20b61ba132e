//===- ConstExpr.cpp - Numbers that are known when the model is read ------===//
#include "frontend/ConstExpr.h"

#include <cmath>

using namespace heed;
using llvm::StringRef;

std::vector<std::string> ExprNames::all(std::vector<std::string> more) const {
  for (const auto &[name, value] : integers)
    more.push_back(name);
  for (const auto &[name, value] : lists)
    more.push_back(name);
  for (const auto *set : {&inputs, &weights, &symbolic})
    more.insert(more.end(), set->begin(), set->end());
  return more;
}

void heed::unknownName(const Expr &expr, const ExprNames &names,
                       std::vector<std::string> more, Diagnostics &diags) {
  if (names.symbolic.count(expr.name))
    return diags.error(expr.at, "size `" + expr.name +
                                    "` is known only when the model runs");
  if (expr.name == "i" && !names.integers.count("i"))
    return diags.error(expr.at, "`i` is the number of a layer; there is none "
                                "outside a repeated block");
  diags.error(expr.at, "unknown name `" + expr.name + "`" +
                           didYouMean(expr.name, names.all(std::move(more))));
}

namespace {

/// Evaluates in double: exact for every integer that is allowed.
struct Evaluator {
  const ExprNames &names;
  Diagnostics &diags;

  std::optional<double> fail(const Expr &expr, const llvm::Twine &text) {
    diags.error(expr.at, text);
    return std::nullopt;
  }

  std::optional<double> call(const Expr &expr, double x, double y) {
    if (expr.args.size() == 1) {
      if (expr.name == "sqrt")
        return std::sqrt(x);
      if (expr.name == "exp")
        return std::exp(x);
      if (expr.name == "log")
        return std::log(x);
    } else if (expr.args.size() == 2) {
      if (expr.name == "min")
        return std::min(x, y);
      if (expr.name == "max")
        return std::max(x, y);
      if (expr.name == "pow")
        return std::pow(x, y);
    }
    return fail(expr, "`" + expr.text +
                          "` is no constant; constants know "
                          "sqrt(x), exp(x), log(x), min(x, y), max(x, y) and "
                          "pow(x, y)");
  }

  std::optional<double> binary(const Expr &expr, double x, double y) {
    StringRef op = expr.name;
    if (op == "+")
      return x + y;
    if (op == "-")
      return x - y;
    if (op == "*")
      return x * y;
    if (op != "/" && op != "floordiv" && op != "mod")
      return fail(expr, "expected a number, found `" + expr.text + "`");
    if (y == 0)
      return fail(expr, "`" + expr.text + "` divides by zero");
    double quotient = op == "/" ? x / y : std::floor(x / y);
    return op == "mod" ? x - quotient * y : quotient;
  }

  std::optional<double> operator()(const Expr &expr) {
    if (expr.kind == Expr::Integer || expr.kind == Expr::Float)
      return expr.number;
    if (expr.kind == Expr::Name) {
      auto it = names.integers.find(expr.name);
      if (it != names.integers.end())
        return double(it->second);
      unknownName(expr, names, {}, diags);
      return std::nullopt;
    }
    if (expr.kind == Expr::Index) {
      std::optional<int64_t> element = listElement(expr, names, diags);
      return element ? std::optional<double>(*element) : std::nullopt;
    }
    double values[2] = {0, 0};
    for (size_t i = 0; i < expr.args.size(); ++i) {
      std::optional<double> value = (*this)(*expr.args[i]);
      if (!value)
        return std::nullopt;
      values[i < 2 ? i : 1] = *value;
    }
    if (expr.kind == Expr::Call)
      return call(expr, values[0], values[1]);
    if (expr.kind == Expr::Binary)
      return binary(expr, values[0], values[1]);
    if (expr.name == "-")
      return -values[0];
    return fail(expr, "expected a number, found `" + expr.text + "`");
  }
};

} // namespace

std::optional<double> heed::constNumber(const Node &node,
                                        const ExprNames &names,
                                        Diagnostics &diags) {
  auto expr = parseExpr(node, "a number", diags);
  if (!expr)
    return std::nullopt;
  std::optional<double> value = Evaluator{names, diags}(*expr);
  if (value && !std::isfinite(*value)) {
    diags.error(expr->at, "`" + expr->text + "` is not a finite number");
    return std::nullopt;
  }
  return value;
}

/// A whole number within MaxInteger.
static std::optional<int64_t> toInteger(double value, Place at, StringRef text,
                                        Diagnostics &diags) {
  if (std::floor(value) != value)
    diags.error(at, "expected an integer, found `" + text + "`");
  else if (std::fabs(value) > double(MaxInteger))
    diags.error(at, "`" + text + "` is beyond 2147483647, the largest integer");
  else
    return int64_t(value);
  return std::nullopt;
}

std::optional<int64_t> heed::constInteger(const Node &node,
                                          const ExprNames &names,
                                          Diagnostics &diags) {
  auto expr = parseExpr(node, "an integer", diags);
  if (!expr)
    return std::nullopt;
  std::optional<double> value = Evaluator{names, diags}(*expr);
  if (!value)
    return std::nullopt;
  return toInteger(*value, node.at, node.text, diags);
}

std::optional<int64_t> heed::listElement(const Expr &expr,
                                         const ExprNames &names,
                                         Diagnostics &diags) {
  auto list = names.lists.find(expr.name);
  if (list == names.lists.end()) {
    unknownName(expr, names, {}, diags);
    return std::nullopt;
  }
  std::optional<double> at = Evaluator{names, diags}(*expr.args[0]);
  if (!at)
    return std::nullopt;
  if (std::floor(*at) != *at || *at < 0 || *at >= list->second.size()) {
    diags.error(expr.at, "`" + expr.text + "`: there are " +
                             llvm::Twine(list->second.size()) +
                             " elements, from 0");
    return std::nullopt;
  }
  return list->second[size_t(*at)];
}
