//===- ConstExpr.h - Numbers that are known when the model is read --------===//
#pragma once

#include "frontend/Expr.h"

#include <map>
#include <set>

namespace heed {

/// What the names of an expression stand for.
struct ExprNames {
  std::map<std::string, int64_t>
      integers; // sizes, `let:` integers, the layer i
  std::map<std::string, std::vector<int64_t>> lists; // `let:` lists of integers
  std::set<std::string> inputs;   // integer inputs with one axis: doc[q]
  std::set<std::string> weights;  // `let:` tables that are weights: slope[h]
  std::set<std::string> symbolic; // sizes that are known only when it runs

  /// Every name, for "did you mean", and `more`.
  std::vector<std::string> all(std::vector<std::string> more = {}) const;
};

/// The largest size or constant: 2^31 - 1.
inline constexpr int64_t MaxInteger = (int64_t(1) << 31) - 1;

/// The value of an expression of integers and names, `window[i]` among them.
/// Errors: names that are not known or not constant, division by zero, a result
/// that is no integer or beyond MaxInteger.
std::optional<int64_t> constInteger(const Node &node, const ExprNames &names,
                                    Diagnostics &diags);
/// The value of an expression of numbers; `sqrt(head)` and the like too.
std::optional<double> constNumber(const Node &node, const ExprNames &names,
                                  Diagnostics &diags);

/// An element of a `let:` list at a constant index.
std::optional<int64_t> listElement(const Expr &expr, const ExprNames &names,
                                   Diagnostics &diags);

/// Reports a name that stands for nothing.
void unknownName(const Expr &expr, const ExprNames &names,
                 std::vector<std::string> more, Diagnostics &diags);

} // namespace heed
