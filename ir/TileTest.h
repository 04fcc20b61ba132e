//===- TileTest.h - Whether a tile may hold a pair that a mask allows -----===//
//
// For queries q0 <= q < q1 and keys k0 <= kv < k1 each constraint of a mask
// lies in a range, which interval arithmetic finds with a few integer
// operations. A tile whose range misses what the constraint asks, in each
// disjunct, holds no allowed pair. That is sound for every mask, and for one
// constraint on a variable or a difference exact: (q - kv) mod m == 0 asks
// whether a multiple of m lies between the ends.
//
// The same code runs on numbers here, and as IR in the kernel: `Arithmetic` has
//   constant(n) add(x, y) times(x, n) floorDiv(x, n) minimum(x, y)
//   maximum(x, y) lessEqual(x, y) equal(x, y) both(x, y) either(x, y)
//   select(c, x, y)
// on its `Value` and `Truth`.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/AffineSum.h"
#include "ir/Attn.h"

namespace heed::attn {

template <typename Arithmetic> class TileTest {
public:
  using Value = typename Arithmetic::Value;
  using Truth = typename Arithmetic::Truth;
  using Symbols = llvm::ArrayRef<std::optional<Value>>;

  /// `symbols`: the mask's; none for what is looked up per token.
  TileTest(Arithmetic &a, MaskAttr mask, Symbols symbols)
      : a(a), symbols(symbols) {
    for (mlir::IntegerSet set : mask.getDisjuncts()) {
      Disjunct &disjunct = disjuncts.emplace_back();
      for (unsigned i = 0; i < set.getNumConstraints(); ++i)
        disjunct.push_back(Constraint(set.getConstraint(i), set.isEq(i)));
      for (Constraint &constraint : disjunct)
        constraint.findBounds(disjunct);
    }
    for (unsigned dim : {0, 1})
      remainders[dim] = remainderOf(dim, mask.getContext());
  }

  /// May a pair of q0 <= q < q1, k0 <= kv < k1 be allowed? `leastKeys` are
  /// known to be among them: what they always meet costs nothing.
  Truth mayMeet(Value q0, Value q1, Value k0, Value k1, int64_t leastKeys) {
    Truth any = a.truth(false);
    for (const Part &queries : parts({q0, a.add(q1, a.constant(-1)), 0}, 0))
      for (const Part &keys :
           parts({k0, a.add(k1, a.constant(-1)), leastKeys - 1}, 1)) {
        ranges[0] = queries.range;
        ranges[1] = keys.range;
        Truth exists = a.both(queries.exists, keys.exists);
        any = a.either(any, a.both(exists, anyDisjunct()));
      }
    return any;
  }

private:
  /// Values from low to high; high - low is at least `width`.
  struct Range {
    Value low, high;
    int64_t width;
  };
  using MaybeRange = std::optional<Range>; // none: any value

  struct Constraint {
    mlir::AffineExpr expr;
    bool isEquality;
    std::optional<Congruence> congruence;
    /// x mod m compared with a constant.
    bool isOfRemainder;
    /// Of the congruence's dividend, by the constraints beside it.
    std::optional<int64_t> least, most;

    Constraint(mlir::AffineExpr constraint, bool isEquality)
        : isEquality(isEquality) {
      AffineSum sum(constraint);
      expr = sum.expr();
      if (isEquality)
        congruence = asCongruence(sum);
      isOfRemainder =
          sum.terms().size() == 1 && asMod(sum.terms().front().expr);
    }
    /// A bound that is congruent itself forbids no range that the two of them
    /// allow.
    void findBounds(llvm::ArrayRef<Constraint> beside) {
      if (!congruence)
        return;
      auto [dividend, divisor, isAll] = *congruence;
      for (const Constraint &other : beside) {
        if (other.isEquality)
          continue;
        AffineSum above(dividend - other.expr), below(dividend + other.expr);
        if (above.terms().empty() && above.constant() % divisor != 0)
          least = std::max(least.value_or(above.constant()), above.constant());
        if (below.terms().empty() && below.constant() % divisor != 0)
          most = std::min(most.value_or(below.constant()), below.constant());
      }
    }
    /// The test needs no cuts to be exact.
    bool isExact() const {
      return isEquality ? congruence && congruence->isAll : isOfRemainder;
    }
  };
  using Disjunct = llvm::SmallVector<Constraint>;

  Truth anyDisjunct() {
    Truth any = a.truth(false);
    for (const Disjunct &constraints : disjuncts) {
      Truth all = a.truth(true);
      for (const Constraint &constraint : constraints)
        all = a.both(all, mayHold(constraint));
      any = a.either(any, all);
    }
    return any;
  }

  struct Part {
    Range range;
    Truth exists;
  };
  /// The range of a position, cut where the largest of its remainders begins
  /// again: the remainders of each part are a range as well.
  llvm::SmallVector<Part> parts(Range range, unsigned dim) {
    auto [offset, period] = remainders[dim];
    MaybeRange by = offset ? rangeOf(offset) : std::nullopt;
    if (!by || range.width >= period)
      return {{range, a.truth(true)}};
    Value turns = a.floorDiv(a.add(range.low, by->low), period);
    Value cut = a.add(a.times(a.add(turns, a.constant(1)), period),
                      a.times(by->low, -1));
    Value before = a.add(cut, a.constant(-1));
    Truth isCut = a.lessEqual(cut, range.high);
    return {
        {{range.low, a.select(isCut, before, range.high), 0}, a.truth(true)},
        {{cut, range.high, 0}, isCut}};
  }

  /// c and m of the largest m of all remainders that begin again where m
  /// divides position + c, and stand beside something else: alone a remainder
  /// is exact.
  std::pair<mlir::AffineExpr, int64_t> remainderOf(unsigned dim,
                                                   mlir::MLIRContext *context) {
    constexpr int64_t Most = int64_t(1) << 31;
    mlir::AffineExpr offset, position = mlir::getAffineDimExpr(dim, context);
    int64_t period = 0;
    auto look = [&](mlir::AffineExpr part) {
      auto mod = asMod(part);
      if (!mod)
        return;
      auto [x, m] = *mod;
      // (y floordiv n + c) mod m begins again where y + n * c passes n * m.
      for (AffineSum sum(x); sum.terms().size() == 1 && m < Most;
           sum = AffineSum(x)) {
        auto y = asFloorDiv(sum.terms().front().expr);
        if (!y || sum.terms().front().factor != 1 || y->divisor >= Most)
          break;
        x = y->dividend + y->divisor * sum.constant();
        m *= y->divisor;
      }
      if (m <= period)
        return;
      mlir::AffineExpr rest = AffineSum(x - position).expr();
      if (!rest.isFunctionOfDim(0) && !rest.isFunctionOfDim(1))
        std::tie(offset, period) = std::pair(rest, m);
    };
    for (const Disjunct &constraints : disjuncts)
      for (const Constraint &constraint : constraints)
        if (!constraint.isExact())
          constraint.expr.walk(look);
    return {offset, period};
  }

  Truth mayHold(const Constraint &constraint) {
    if (!constraint.isEquality)
      return mayBePositive(constraint.expr);
    if (!constraint.congruence)
      return mayBeZero(constraint.expr);
    Truth divides = mayDivide(constraint);
    return constraint.congruence->isAll
               ? divides
               : a.both(divides, mayBeZero(constraint.expr));
  }

  Truth mayBePositive(mlir::AffineExpr expr) {
    MaybeRange range = rangeOf(expr);
    return range ? a.lessEqual(a.constant(0), range->high) : a.truth(true);
  }

  Truth mayBeZero(mlir::AffineExpr expr) {
    MaybeRange range = rangeOf(expr);
    if (!range)
      return a.truth(true);
    return a.both(a.lessEqual(range->low, a.constant(0)),
                  a.lessEqual(a.constant(0), range->high));
  }

  /// x mod m == 0 for some x from low to high?
  Truth mayDivide(const Constraint &constraint) {
    int64_t divisor = constraint.congruence->divisor;
    MaybeRange range = rangeOf(constraint.congruence->dividend);
    bool isBounded = constraint.least || constraint.most;
    if (!range || (!isBounded && range->width >= divisor - 1))
      return a.truth(true);
    auto [low, high, width] = *range;
    if (constraint.least) {
      Value least = a.constant(*constraint.least);
      low = a.select(a.lessEqual(low, least), least, low);
    }
    if (constraint.most) {
      Value most = a.constant(*constraint.most);
      high = a.select(a.lessEqual(most, high), most, high);
    }
    Value last = a.times(a.floorDiv(high, divisor), divisor);
    return a.lessEqual(low, last);
  }

  MaybeRange rangeOf(mlir::AffineExpr expr) {
    if (auto c = llvm::dyn_cast<mlir::AffineConstantExpr>(expr))
      return Range{a.constant(c.getValue()), a.constant(c.getValue()), 0};
    if (auto dim = llvm::dyn_cast<mlir::AffineDimExpr>(expr))
      return ranges[dim.getPosition()];
    if (auto symbol = llvm::dyn_cast<mlir::AffineSymbolExpr>(expr)) {
      std::optional<Value> value = symbols[symbol.getPosition()];
      return value ? MaybeRange(Range{*value, *value, 0}) : std::nullopt;
    }
    auto binary = llvm::cast<mlir::AffineBinaryOpExpr>(expr);
    MaybeRange left = rangeOf(binary.getLHS());
    if (!left)
      return std::nullopt;
    if (expr.getKind() == mlir::AffineExprKind::Add) {
      MaybeRange right = rangeOf(binary.getRHS());
      if (!right)
        return std::nullopt;
      return Range{a.add(left->low, right->low), a.add(left->high, right->high),
                   left->width + right->width};
    }
    auto constant = llvm::dyn_cast<mlir::AffineConstantExpr>(binary.getRHS());
    if (!constant)
      return std::nullopt;
    int64_t n = constant.getValue();
    switch (expr.getKind()) {
    case mlir::AffineExprKind::Mul:
      if (n < 0)
        std::swap(left->low, left->high);
      return Range{a.times(left->low, n), a.times(left->high, n),
                   std::abs(n) * left->width};
    case mlir::AffineExprKind::FloorDiv:
      return Range{a.floorDiv(left->low, n), a.floorDiv(left->high, n),
                   left->width / n};
    default: { // mod: all remainders where the range passes a multiple
      Value least = a.constant(0), most = a.constant(n - 1);
      if (left->width >= n - 1)
        return Range{least, most, n - 1};
      Value first = a.floorDiv(left->low, n), last = a.floorDiv(left->high, n);
      Truth passes = a.lessEqual(a.add(first, a.constant(1)), last);
      auto remainder = [&](Value x, Value quotient) {
        return a.add(x, a.times(quotient, -n));
      };
      return Range{a.select(passes, least, remainder(left->low, first)),
                   a.select(passes, most, remainder(left->high, last)), 0};
    }
    }
  }

  Arithmetic &a;
  Symbols symbols;
  llvm::SmallVector<Disjunct> disjuncts;
  std::pair<mlir::AffineExpr, int64_t> remainders[2]; // of each position
  MaybeRange ranges[2];
};

/// On numbers of which some may be unknown.
struct KnownArithmetic {
  using Value = std::optional<int64_t>;
  using Truth = std::optional<bool>;
  Value constant(int64_t n) { return n; }
  Truth truth(bool yes) { return yes; }
  Value add(Value x, Value y) { return x && y ? Value(*x + *y) : Value(); }
  Value times(Value x, int64_t n) { return x ? Value(*x * n) : Value(); }
  Value floorDiv(Value x, int64_t n) {
    return x ? Value(llvm::divideFloorSigned(*x, n)) : Value();
  }
  Truth lessEqual(Value x, Value y) {
    return x && y ? Truth(*x <= *y) : Truth();
  }
  Truth both(Truth x, Truth y) {
    if ((x && !*x) || (y && !*y))
      return false;
    return x && y ? Truth(true) : Truth();
  }
  Truth either(Truth x, Truth y) {
    if ((x && *x) || (y && *y))
      return true;
    return x && y ? Truth(false) : Truth();
  }
  Value select(Truth c, Value x, Value y) { return c ? *c ? x : y : Value(); }
};

/// Whether a kernel with tiles of `keys` keys asks TileTest before it visits
/// one: the tile loops are not exact, and a tile may lie where the mask's
/// divisions forbid all of it.
bool asksTiles(MaskAttr mask, TileBoundsAttr bounds, int64_t keys);

/// Keys of a tile where a target has 32 registers.
inline constexpr int64_t kUsualKeyTile = 8;

/// Keys that are asked for at once where none is needed.
inline constexpr int64_t kMostKeysAsked = 128;

/// How many of the keys [from, to) are visited in tiles of `keys` where
/// mayMeet(k0, k1) tells of a tile: from the first key that may be needed,
/// whole tiles up to one that is not, and so on.
int64_t countVisitedKeys(int64_t from, int64_t to, int64_t keys,
                         llvm::function_ref<bool(int64_t, int64_t)> mayMeet);

} // namespace heed::attn
