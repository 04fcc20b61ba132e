//===- Expr.h - The tree of an expression, before it means anything -------===//
#pragma once

#include "frontend/Yaml.h"

#include <memory>

namespace heed {

/// One node of the tree. One grammar serves masks, score rules and constants;
/// what an operator means, and whether it may stand there, is theirs to say.
///   or  and  not  < <= > >= == !=  + -  * / floordiv mod  -x  f(x) t[x] (x)
/// A chain `a <= b < c` is `a <= b and b < c`.
struct Expr {
  enum Kind { Integer, Float, Name, Index, Call, Unary, Binary };
  Kind kind;
  Place at;             // of its first byte, or of its operator when binary
  llvm::StringRef text; // as written
  std::string name;     // Name; the table of an Index; the function of a Call;
                        // the operator of Unary ("-", "not") and Binary
  int64_t integer = 0;  // Integer
  double number = 0;    // Integer and Float
  std::vector<std::shared_ptr<const Expr>> args;

  bool isOp(llvm::StringRef op) const { return kind == Binary && name == op; }
  bool isComparison() const;
  bool isLogic() const; // and, or, not
};

/// Parses the text of a scalar, which must outlive the tree. `what` is "a
/// mask": it stands in the message that says what was expected. Errors, at
/// their column inside the text: what does not parse; numbers beyond 2^53;
/// nesting deeper than 64.
std::shared_ptr<const Expr>
parseExpr(const Node &scalar, const llvm::Twine &what, Diagnostics &diags);

} // namespace heed
