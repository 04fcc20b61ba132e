//===- MaskExpr.cpp - From a predicate to a union of integer sets ---------===//
#include "frontend/MaskExpr.h"

#include "mlir/IR/AffineExpr.h"

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

namespace {

/// `expr >= 0` or `expr == 0`.
struct Constraint {
  AffineExpr expr;
  bool equality;
};
using Conjunction = SmallVector<Constraint>;
/// A union; empty is nothing, one empty conjunction is everything.
using Union = std::vector<Conjunction>;

constexpr size_t MaxDisjuncts = 64, MaxConstraints = 64;
const std::vector<std::string> Words = {"q",     "kv",     "h",   "b",
                                        "q_len", "kv_len", "all", "same"};

class MaskBuilder {
public:
  MaskBuilder(MLIRContext *context, const ExprNames &names, Diagnostics &diags)
      : context(context), names(names), diags(diags) {}

  std::optional<ParsedMask> build(const Expr &expr) {
    std::optional<Union> sets = predicate(expr, false);
    if (!sets)
      return std::nullopt;
    SmallVector<IntegerSet> disjuncts;
    for (const Conjunction &conjunction : *sets)
      disjuncts.push_back(toSet(conjunction));
    if (disjuncts.empty()) // allows nothing
      disjuncts.push_back(toSet({{constant(-1), false}}));
    ParsedMask parsed;
    parsed.mask = attn::MaskAttr::get(context, symbols, disjuncts);
    for (attn::MaskSymbolAttr symbol : symbols) {
      std::string table = symbol.getTable().str();
      if (!table.empty() && !llvm::is_contained(parsed.tables, table))
        parsed.tables.push_back(table);
    }
    return parsed;
  }

private:
  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, context);
  }

  template <typename T = Union>
  std::optional<T> fail(const Expr &expr, const Twine &text) {
    diags.error(expr.at, text);
    return std::nullopt;
  }

  IntegerSet toSet(const Conjunction &conjunction) {
    SmallVector<AffineExpr> exprs;
    SmallVector<bool> equalities;
    for (const Constraint &constraint : conjunction) {
      exprs.push_back(constraint.expr);
      equalities.push_back(constraint.equality);
    }
    if (exprs.empty()) {
      exprs.push_back(constant(0));
      equalities.push_back(true);
    }
    return IntegerSet::get(2, symbols.size(), exprs, equalities);
  }

  //===--- Predicates: negation is pushed down to the comparisons ---------===//

  std::optional<Union> predicate(const Expr &expr, bool negated) {
    if (expr.kind == Expr::Unary && expr.name == "not")
      return predicate(*expr.args[0], !negated);
    if (expr.isOp("and") || expr.isOp("or")) {
      std::optional<Union> a = predicate(*expr.args[0], negated);
      std::optional<Union> b = predicate(*expr.args[1], negated);
      if (!a || !b)
        return std::nullopt;
      return expr.isOp("and") != negated ? intersect(expr, *a, *b)
                                         : unite(expr, *a, *b);
    }
    if (expr.isComparison())

      return comparison(*expr.args[0], *expr.args[1], expr.name, negated);
    if (expr.kind == Expr::Name && expr.name == "all")
      return negated ? Union() : Union(1);
    if (expr.kind == Expr::Call && expr.name == "same")
      return same(expr, negated);
    if (expr.kind == Expr::Call)
      return fail(expr, "unknown function `" + expr.name +
                            "`; a mask knows `same(table)`" +
                            didYouMean(expr.name, {"same"}));
    return fail(expr, "expected a comparison, found `" + expr.text + "`");
  }

  std::optional<Union> unite(const Expr &expr, const Union &a, const Union &b) {
    Union out = a;
    out.insert(out.end(), b.begin(), b.end());
    if (out.size() > MaxDisjuncts)
      return fail(expr, "the mask is a union of more than " +
                            Twine(MaxDisjuncts) + " sets");
    return out;
  }

  std::optional<Union> intersect(const Expr &expr, const Union &a,
                                 const Union &b) {
    if (a.size() * b.size() > MaxDisjuncts)
      return fail(expr, "the mask is a union of more than " +
                            Twine(MaxDisjuncts) + " sets");
    Union out;
    for (const Conjunction &x : a)
      for (const Conjunction &y : b) {
        Conjunction both = x;
        both.append(y);
        if (both.size() > MaxConstraints)
          return fail(expr, "the mask joins more than " +
                                Twine(MaxConstraints) + " comparisons");
        out.push_back(std::move(both));
      }
    return out;
  }

  /// same(doc) is doc[q] == doc[kv].
  std::optional<Union> same(const Expr &expr, bool negated) {
    if (expr.args.size() != 1 || expr.args[0]->kind != Expr::Name)
      return fail(expr, "`same` takes the name of one integer input");
    const Expr &table = *expr.args[0];
    if (!names.inputs.count(table.name)) {
      unknownName(table, names, {}, diags);
      return std::nullopt;
    }
    std::string name = table.name;
    AffineExpr atQuery = symbol(name + "_q", name, attn::SymbolIndex::Query);
    AffineExpr atKey = symbol(name + "_kv", name, attn::SymbolIndex::Key);
    return compare(atQuery, atKey, negated ? "!=" : "==");
  }

  std::optional<Union> comparison(const Expr &left, const Expr &right,
                                  StringRef op, bool negated) {
    std::optional<AffineExpr> a = affine(left), b = affine(right);
    if (!a || !b)
      return std::nullopt;
    if (negated)
      op = op == "<"    ? ">="
           : op == "<=" ? ">"
           : op == ">"  ? "<="
           : op == ">=" ? "<"
           : op == "==" ? "!="
                        : "==";
    return compare(*a, *b, op);
  }

  Union compare(AffineExpr a, AffineExpr b, StringRef op) {
    if (op == "<")
      return one(b - a - 1, false);
    if (op == "<=")
      return one(b - a, false);
    if (op == ">")
      return one(a - b - 1, false);
    if (op == ">=")
      return one(a - b, false);
    if (op == "==")
      return one(a - b, true);
    Union below = one(b - a - 1, false), above = one(a - b - 1, false);
    below.insert(below.end(), above.begin(), above.end());
    return below;
  }

  /// The sum with what is added before what is taken off: `kv - q + 255`.
  AffineExpr ordered(AffineExpr sum) {
    SmallVector<AffineExpr> terms, work = {sum};
    while (!work.empty()) {
      AffineExpr expr = work.pop_back_val();
      auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
      if (expr.getKind() != AffineExprKind::Add) {
        terms.push_back(expr);
        continue;
      }
      work.push_back(binary.getRHS());
      work.push_back(binary.getLHS());
    }
    auto rank = [](AffineExpr term) {
      if (isa<AffineConstantExpr>(term))
        return 2;
      if (term.getKind() != AffineExprKind::Mul)
        return 0;
      auto factor =
          dyn_cast<AffineConstantExpr>(cast<AffineBinaryOpExpr>(term).getRHS());
      return factor && factor.getValue() < 0 ? 1 : 0;
    };
    AffineExpr out = constant(0);
    for (int wanted : {0, 1, 2})
      for (AffineExpr term : terms)
        if (rank(term) == wanted)
          out = out + term;
    return out;
  }

  /// One constraint; a constant one is decided here.
  Union one(AffineExpr expr, bool equality) {
    expr = simplifyAffineExpr(expr, 2, symbols.size());
    if (auto known = dyn_cast<AffineConstantExpr>(expr)) {
      bool holds = equality ? known.getValue() == 0 : known.getValue() >= 0;
      return holds ? Union(1) : Union();
    }
    return {{{ordered(expr), equality}}};
  }

  //===--- Terms ----------------------------------------------------------===//

  std::optional<AffineExpr> affine(const Expr &expr) {
    std::optional<AffineExpr> value = term(expr);
    auto known = value ? dyn_cast<AffineConstantExpr>(*value) : nullptr;
    if (known &&
        (known.getValue() > MaxInteger || known.getValue() < -MaxInteger))
      return fail<AffineExpr>(expr, "`" + expr.text +
                                        "` is beyond 2147483647, "
                                        "the largest integer");
    return value;
  }

  std::optional<AffineExpr> term(const Expr &expr) {
    switch (expr.kind) {
    case Expr::Integer:
      return constant(expr.integer);
    case Expr::Float:
      return fail<AffineExpr>(expr, "`" + expr.text +
                                        "` is not an integer; masks are over "
                                        "integers");
    case Expr::Name:
      return name(expr);
    case Expr::Index:
      return index(expr);
    case Expr::Call:
      return fail<AffineExpr>(expr, "`" + expr.text +
                                        "` is not affine in q, kv and the "
                                        "named integers");
    case Expr::Unary:
    case Expr::Binary:
      break;
    }
    if (expr.isLogic() || expr.isComparison())
      return fail<AffineExpr>(
          expr, "expected an integer, found the predicate `" + expr.text + "`");
    std::optional<AffineExpr> a = affine(*expr.args[0]), b;
    if (expr.args.size() > 1)
      b = affine(*expr.args[1]);
    if (!a || (expr.args.size() > 1 && !b))
      return std::nullopt;
    if (expr.kind == Expr::Unary)
      return *a * -1;
    if (expr.name == "+")
      return *a + *b;
    if (expr.name == "-")
      return *a - *b;
    if (expr.name == "*")
      return product(expr, *a, *b);
    return quotient(expr, *a, *b);
  }

  std::optional<AffineExpr> product(const Expr &expr, AffineExpr a,
                                    AffineExpr b) {
    if (isa<AffineConstantExpr>(a))
      std::swap(a, b);
    if (!isa<AffineConstantExpr>(b))
      return fail<AffineExpr>(expr, "`" + expr.text +
                                        "` is not affine: it multiplies two "
                                        "values that are not constants");
    return a * b;
  }

  std::optional<AffineExpr> quotient(const Expr &expr, AffineExpr a,
                                     AffineExpr b) {
    if (expr.name == "/")
      return fail<AffineExpr>(expr, "`" + expr.text +
                                        "` is not affine: integers are divided "
                                        "by `floordiv`");
    auto divisor = dyn_cast<AffineConstantExpr>(b);
    if (!divisor)
      return fail<AffineExpr>(expr, "`" + expr.text + "` is not affine: `" +
                                        expr.name + "` is by constants only");
    if (divisor.getValue() <= 0)
      return fail<AffineExpr>(expr, "`" + expr.text + "`: `" + expr.name +
                                        "` is by positive constants only");
    return expr.name == "mod" ? a % b : a.floorDiv(b);
  }

  std::optional<AffineExpr> name(const Expr &expr) {
    if (expr.name == "q" || expr.name == "kv")
      return getAffineDimExpr(expr.name == "kv", context);
    if (expr.name == "h" || expr.name == "b" || expr.name == "q_len" ||
        expr.name == "kv_len")
      return symbol(expr.name, "", attn::SymbolIndex::None);
    auto integer = names.integers.find(expr.name);
    if (integer != names.integers.end())
      return constant(integer->second);
    if (names.inputs.count(expr.name) || names.lists.count(expr.name))
      return fail<AffineExpr>(
          expr, "`" + expr.name + "` is a table; index it: `" + expr.name +
                    "[" + (names.inputs.count(expr.name) ? "q" : "h") + "]`");
    unknownName(expr, names, Words, diags);
    return std::nullopt;
  }

  /// doc[q], doc[kv], limit[h]; a list at a constant index is a constant.
  std::optional<AffineExpr> index(const Expr &expr) {
    bool isInput = names.inputs.count(expr.name);
    if (!isInput && !names.lists.count(expr.name)) {
      unknownName(expr, names, Words, diags);
      return std::nullopt;
    }
    if (expr.args.size() != 1)
      return fail<AffineExpr>(expr, "`" + expr.text +
                                        "`: a table of a mask has "
                                        "one index");
    const Expr &at = *expr.args[0];
    std::optional<attn::SymbolIndex> by =
        at.kind == Expr::Name ? attn::symbolizeSymbolIndex(at.name)
                              : std::nullopt;
    if (by && *by != attn::SymbolIndex::None)
      return symbol(expr.name + "_" + at.name, expr.name, *by);
    if (isInput)
      return fail<AffineExpr>(at, "`" + at.text +
                                      "`: an input is indexed by "
                                      "`q`, `kv`, `h` or `b`");
    std::optional<int64_t> element = listElement(expr, names, diags);
    if (!element)
      return std::nullopt;
    return constant(*element);
  }

  AffineExpr symbol(std::string name, StringRef table, attn::SymbolIndex by) {
    auto attr =
        attn::MaskSymbolAttr::get(context, StringAttr::get(context, name),
                                  StringAttr::get(context, table), by);
    auto it = llvm::find(symbols, attr);
    size_t at = it - symbols.begin();
    if (it == symbols.end())
      symbols.push_back(attr);
    return getAffineSymbolExpr(at, context);
  }

  MLIRContext *context;
  const ExprNames &names;
  Diagnostics &diags;
  SmallVector<attn::MaskSymbolAttr> symbols;
};

} // namespace

std::optional<ParsedMask> heed::parseMask(MLIRContext *context,
                                          const Node &scalar,
                                          const ExprNames &names,
                                          Diagnostics &diags) {
  auto expr = parseExpr(scalar, "a mask", diags);
  if (!expr)
    return std::nullopt;
  return MaskBuilder(context, names, diags).build(*expr);
}
