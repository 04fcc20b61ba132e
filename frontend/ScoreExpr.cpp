//===- ScoreExpr.cpp - From a score rule to arith and math ----------------===//
#include "frontend/ScoreExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace heed;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;

namespace {

const std::vector<std::string> Functions = {"softcap", "min", "max",  "abs",
                                            "exp",     "log", "tanh", "bucket"};

/// A constant, or an SSA value of type index or f32. Constants stay numbers
/// until an op needs them, so that `50` serves as either type.
struct Term {
  Value value;
  double number = 0;
  bool whole = false; // an integer: an index, or a constant without fraction
};

class ScoreBuilder {
public:
  ScoreBuilder(OpBuilder &builder, Location loc, ValueRange arguments,
               TableHandle tableHandle, const ExprNames &names,
               Diagnostics &diags)
      : builder(builder), loc(loc), tableHandle(tableHandle), names(names),
        diags(diags) {
    static constexpr StringRef order[] = {"s", "q", "kv", "h", "b"};
    for (auto [name, value] : llvm::zip(order, arguments))
      variables[name.str()] = value;
  }

  Value build(const Expr &rule) {
    std::optional<Term> term = emit(rule);
    return term ? asFloat(*term) : Value();
  }

private:
  std::optional<Term> fail(const Expr &expr, const Twine &text) {
    diags.error(expr.at, text);
    return std::nullopt;
  }
  Term constant(double number, bool whole) { return {{}, number, whole}; }
  Term of(Value value) { return {value, 0, value.getType().isIndex()}; }

  Value asFloat(const Term &term) {
    Type f32 = builder.getF32Type();
    if (!term.value)
      return arith::ConstantOp::create(builder, loc,
                                       builder.getF32FloatAttr(term.number));
    if (!term.whole)
      return term.value;
    Value narrow = arith::IndexCastOp::create(builder, loc,
                                              builder.getI32Type(), term.value);
    return arith::SIToFPOp::create(builder, loc, f32, narrow);
  }
  Value asIndex(const Term &term) {
    if (term.value)
      return term.value;
    return arith::ConstantIndexOp::create(builder, loc, int64_t(term.number));
  }

  std::optional<Term> emit(const Expr &expr) {
    switch (expr.kind) {
    case Expr::Integer:
    case Expr::Float:
      return constant(expr.number, expr.kind == Expr::Integer);
    case Expr::Name:
      return name(expr);
    case Expr::Index:
      return lookup(expr);
    case Expr::Call:
      return call(expr);
    case Expr::Unary:
    case Expr::Binary:
      break;
    }
    if (expr.isLogic() || expr.isComparison())
      return fail(expr, "expected a number, found the predicate `" + expr.text +
                            "`; what may meet is said by `mask`");
    std::optional<Term> a = emit(*expr.args[0]);
    if (!a)
      return a;
    if (expr.kind == Expr::Unary)
      return arithmetic(expr, "-", constant(0, true), *a);
    std::optional<Term> b = emit(*expr.args[1]);
    return b ? arithmetic(expr, expr.name, *a, *b) : b;
  }

  std::optional<Term> name(const Expr &expr) {
    if (auto it = variables.find(expr.name); it != variables.end())
      return of(it->second);
    if (auto it = names.integers.find(expr.name); it != names.integers.end())
      return constant(double(it->second), true);
    if (names.weights.count(expr.name) || names.lists.count(expr.name))
      return fail(expr, "`" + expr.name + "` is a table; index it: `" +
                            expr.name + "[h]`");
    std::vector<std::string> more = Functions;
    for (const auto &variable : variables)
      more.push_back(variable.first);
    unknownName(expr, names, more, diags);
    return std::nullopt;
  }

  /// A factor or summand as additive masks have it: -1e4, -65504, -1e9. Added
  /// to a position it is an offset.
  static bool isMaskLike(StringRef op, const Term &term) {
    constexpr double Large = 1e4;
    return !term.value && op != "/" && std::abs(term.number) >= Large;
  }

  std::optional<Term> arithmetic(const Expr &expr, StringRef op, Term a,
                                 Term b) {
    if (op == "floordiv" || op == "mod")
      return division(expr, op, a, b);
    if (op == "/" && !b.value && b.number == 0)
      return fail(expr, "`" + expr.text + "` divides by zero");
    if (!a.value && !b.value) {
      double result = op == "+"   ? a.number + b.number
                      : op == "-" ? a.number - b.number
                      : op == "*" ? a.number * b.number
                                  : a.number / b.number;
      return constant(result, a.whole && b.whole && op != "/");
    }
    bool isOffset = a.whole && b.whole && op != "*";
    if (!isOffset && (isMaskLike(op, a) || isMaskLike(op, b)))
      return fail(expr, "`" + expr.text +
                            "`: a large number in a score masks nothing (its "
                            "weight is not 0, and half precision overflows); "
                            "what may meet is said by `mask`");
    if (a.whole && b.whole && op != "/") {
      Value x = asIndex(a), y = asIndex(b);
      if (op == "+")
        return of(arith::AddIOp::create(builder, loc, x, y));
      if (op == "-")
        return of(arith::SubIOp::create(builder, loc, x, y));
      return of(arith::MulIOp::create(builder, loc, x, y));
    }
    Value x = asFloat(a), y = asFloat(b);
    if (op == "+")
      return of(arith::AddFOp::create(builder, loc, x, y));
    if (op == "-")
      return of(arith::SubFOp::create(builder, loc, x, y));
    if (op == "*")
      return of(arith::MulFOp::create(builder, loc, x, y));
    return of(arith::DivFOp::create(builder, loc, x, y));
  }

  /// Integers by positive constants, rounded down as masks do.
  std::optional<Term> division(const Expr &expr, StringRef op, Term a, Term b) {
    if (b.value || !b.whole || b.number <= 0 || !a.whole)
      return fail(expr, "`" + expr.text + "`: `" + op +
                            "` is of integers, by positive constants");
    if (!a.value) {
      double quotient = std::floor(a.number / b.number);
      return constant(op == "mod" ? a.number - quotient * b.number : quotient,
                      true);
    }
    Value x = asIndex(a), y = asIndex(b);
    Value quotient = arith::FloorDivSIOp::create(builder, loc, x, y);
    if (op == "floordiv")
      return of(quotient);
    Value multiple = arith::MulIOp::create(builder, loc, quotient, y);
    return of(arith::SubIOp::create(builder, loc, x, multiple));
  }

  std::optional<Term> lookup(const Expr &expr) {
    if (names.lists.count(expr.name)) {
      std::optional<int64_t> element = listElement(expr, names, diags);
      return element ? std::optional(constant(double(*element), true))
                     : std::nullopt;
    }
    if (!names.weights.count(expr.name)) {
      std::vector<std::string> more;
      unknownName(expr, names, more, diags);
      return std::nullopt;
    }
    SmallVector<Value> indices;
    for (const auto &arg : expr.args) {
      std::optional<Term> index = emit(*arg);
      if (!index)
        return index;
      if (!index->whole)
        return fail(*arg, "an index is an integer, found `" + arg->text + "`");
      indices.push_back(asIndex(*index));
    }
    Value table = tableHandle(expr);
    if (!table)
      return std::nullopt;
    ArrayRef<int64_t> shape =
        cast<attn::WeightType>(table.getType()).getShape();
    if (shape.size() != indices.size())
      return fail(expr, "`" + expr.name + "` has " + Twine(shape.size()) +
                            " indices, found " + Twine(indices.size()));
    return of(attn::LookupOp::create(builder, loc, builder.getF32Type(), table,
                                     indices));
  }

  std::optional<Term> call(const Expr &expr) {
    StringRef function = expr.name;
    if (!llvm::is_contained(Functions, expr.name))
      return fail(expr, "unknown function `" + function +
                            "`; a score rule knows " + orList(Functions) +
                            didYouMean(function, Functions));
    if (function == "bucket")
      return bucket(expr);
    size_t wanted =
        function == "softcap" || function == "min" || function == "max" ? 2 : 1;
    if (expr.args.size() != wanted)
      return fail(expr, "`" + function + "` takes " + Twine(wanted) +
                            (wanted == 1 ? " value" : " values") + ", found " +
                            Twine(expr.args.size()));
    SmallVector<Value> x;
    for (const auto &arg : expr.args) {
      std::optional<Term> term = emit(*arg);
      if (!term)
        return term;
      if (function == "softcap" && x.size() == 1 &&
          (term->value || term->number <= 0))
        return fail(*arg, "the cap is a positive constant, found `" +
                              arg->text + "`");
      x.push_back(asFloat(*term));
    }
    if (function == "min")
      return of(arith::MinNumFOp::create(builder, loc, x[0], x[1]));
    if (function == "max")
      return of(arith::MaxNumFOp::create(builder, loc, x[0], x[1]));
    if (function == "abs")
      return of(math::AbsFOp::create(builder, loc, x[0]));
    if (function == "exp")
      return of(math::ExpOp::create(builder, loc, x[0]));
    if (function == "log")
      return of(math::LogOp::create(builder, loc, x[0]));
    if (function == "tanh")
      return of(math::TanhOp::create(builder, loc, x[0]));
    // softcap(x, c) = c tanh(x / c)
    Value ratio = arith::DivFOp::create(builder, loc, x[0], x[1]);
    Value squashed = math::TanhOp::create(builder, loc, ratio);
    return of(arith::MulFOp::create(builder, loc, squashed, x[1]));
  }

  /// bucket(distance, buckets = 32, most = 128, both = 1): T5's bucket of a
  /// relative position (Raffel et al. 2020): half of the buckets hold one
  /// distance each, the rest grow by a logarithm up to `most`. With both = 1
  /// keys after the query take the upper half of the buckets. The logarithm is
  /// evaluated here, in f32 as the original does; the rule compares integers.
  std::optional<Term> bucket(const Expr &expr) {
    double settings[4] = {0, 32, 128, 1};
    if (expr.args.empty() || expr.args.size() > 4)
      return fail(expr, "`bucket` takes (distance, buckets, most, both)");
    std::optional<Term> distance = emit(*expr.args[0]);
    for (size_t i = 1; i < expr.args.size(); ++i) {
      std::optional<Term> term = emit(*expr.args[i]);
      if (!term)
        return term;
      if (term->value || !term->whole)
        return fail(*expr.args[i], "the settings of `bucket` are integers");
      settings[i] = term->number;
    }
    if (!distance)
      return distance;
    if (!distance->whole)
      return fail(*expr.args[0], "a distance is an integer, found `" +
                                     expr.args[0]->text + "`");
    int64_t buckets = settings[1], most = settings[2];
    bool both = settings[3] != 0;
    int64_t half = both ? buckets / 2 : buckets, exact = half / 2;
    if (exact < 1 || buckets > 1024 || most <= exact || most > 1 << 20)
      return fail(expr, "`" + expr.text +
                            "`: expected 4 to 1024 buckets and a "
                            "distance beyond half of them");
    auto index = [&](int64_t n) -> Value {
      return arith::ConstantIndexOp::create(builder, loc, n);
    };
    Value relative = asIndex(*distance), zero = index(0);
    Value behind = arith::SubIOp::create(builder, loc, zero, relative);
    Value size =
        arith::MaxSIOp::create(builder, loc, behind, both ? relative : zero);
    Value result = arith::MinSIOp::create(builder, loc, size, index(exact));
    auto countFrom = [&](Value value, int64_t from, int64_t step) {
      Value reached = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::sge, value, index(from));
      Value more =
          arith::SelectOp::create(builder, loc, reached, index(step), zero);
      result = arith::AddIOp::create(builder, loc, result, more);
    };
    auto large = [&](int64_t n) {
      float grown = std::log(float(n) / float(exact)) /
                    float(std::log(double(most) / double(exact))) *
                    float(half - exact);
      return std::min<int64_t>(exact + int64_t(grown), half - 1);
    };
    for (int64_t n = exact + 1, last = exact; n <= most; ++n)
      if (int64_t b = large(n); b > last) {
        countFrom(size, n, b - last);
        last = b;
      }
    if (both)
      countFrom(relative, 1, half);
    return of(result);
  }

  OpBuilder &builder;
  Location loc;
  TableHandle tableHandle;
  const ExprNames &names;
  Diagnostics &diags;
  std::map<std::string, Value> variables;
};

} // namespace

Value heed::emitScore(OpBuilder &builder, Location loc, const Expr &rule,
                      ValueRange arguments, TableHandle tableHandle,
                      const ExprNames &names, Diagnostics &diags) {
  return ScoreBuilder(builder, loc, arguments, tableHandle, names, diags)
      .build(rule);
}
