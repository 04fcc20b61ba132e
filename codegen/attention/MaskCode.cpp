//===- MaskCode.cpp - Masks and key ranges as scalar arithmetic -----------===//
#include "codegen/attention/MaskCode.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace heed::attn {

static Value constant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value emitAffine(OpBuilder &b, Location loc, AffineExpr expr, ValueRange dims,
                 ValueRange symbols) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return constant(b, loc, number.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = emitAffine(b, loc, binary.getLHS(), dims, symbols);
  Value rhs = emitAffine(b, loc, binary.getRHS(), dims, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return b.createOrFold<arith::AddIOp>(loc, lhs, rhs);
  case AffineExprKind::Mul:
    return b.createOrFold<arith::MulIOp>(loc, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return b.createOrFold<arith::FloorDivSIOp>(loc, lhs, rhs);
  case AffineExprKind::CeilDiv:
    return b.createOrFold<arith::CeilDivSIOp>(loc, lhs, rhs);
  default: { // mod
    Value whole = b.createOrFold<arith::MulIOp>(
        loc, b.createOrFold<arith::FloorDivSIOp>(loc, lhs, rhs), rhs);
    return b.createOrFold<arith::SubIOp>(loc, lhs, whole);
  }
  }
}

static Value compare(OpBuilder &b, Location loc, arith::CmpIPredicate predicate,
                     Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(loc, predicate, x, y);
}

/// Starts or extends a conjunction or disjunction.
template <typename Op>
static void join(OpBuilder &b, Location loc, Value &all, Value one) {
  all = all ? b.createOrFold<Op>(loc, all, one) : one;
}

Value emitSet(OpBuilder &b, Location loc, IntegerSet set, ValueRange dims,
              ValueRange symbols) {
  Value all, zero = constant(b, loc, 0);
  for (auto [i, expr] : llvm::enumerate(set.getConstraints())) {
    auto predicate =
        set.isEq(i) ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge;
    join<arith::AndIOp>(b, loc, all,
                        compare(b, loc, predicate,
                                emitAffine(b, loc, expr, dims, symbols), zero));
  }
  return all ? all : arith::ConstantIntOp::create(b, loc, true, 1).getResult();
}

/// expr >= 0 or == 0 with dims (q, kv).
static Value emitConstraint(OpBuilder &b, Location loc, AffineExpr expr,
                            bool isEquality, Value q, Value kv,
                            ValueRange symbols) {
  using Predicate = arith::CmpIPredicate;
  AffineExpr qExpr = getAffineDimExpr(0, expr.getContext());
  SmallVector<int64_t> flat;
  FlatLinearConstraints divisions;
  bool isLinear = succeeded(getFlattenedAffineExpr(expr, 2, symbols.size(),
                                                   &flat, &divisions)) &&
                  divisions.getNumLocalVars() == 0;
  if (!isLinear || flat[0] == 0) {
    Value value = emitAffine(b, loc, expr, {q, kv}, symbols);
    return compare(b, loc, isEquality ? Predicate::eq : Predicate::sge, value,
                   constant(b, loc, 0));
  }
  // |a| q against the rest, which is the same for all rows.
  int64_t a = flat[0];
  AffineExpr rest = simplifyAffineExpr(
      a > 0 ? qExpr * a - expr : expr - qExpr * a, 2, symbols.size());
  Value scaled =
      b.createOrFold<arith::MulIOp>(loc, q, constant(b, loc, std::abs(a)));
  Value bound = emitAffine(b, loc, rest, {q, kv}, symbols);
  return compare(b, loc,
                 isEquality ? Predicate::eq
                 : a > 0    ? Predicate::sge
                            : Predicate::sle,
                 scaled, bound);
}

Value emitMask(OpBuilder &b, Location loc, MaskAttr mask, Value q, Value kv,
               ValueRange symbols) {
  Value any;
  for (IntegerSet set : mask.getDisjuncts()) {
    Value all;
    for (auto [i, expr] : llvm::enumerate(set.getConstraints()))
      join<arith::AndIOp>(
          b, loc, all,
          emitConstraint(b, loc, expr, set.isEq(i), q, kv, symbols));
    join<arith::OrIOp>(b, loc, any, all);
  }
  return any;
}

std::pair<Value, Value> emitKeyRange(OpBuilder &b, Location loc,
                                     TileLoopAttr loop, ValueRange symbols) {
  Value lower, upper, zero = constant(b, loc, 0);
  for (AffineExpr expr : loop.getLower().getResults())
    join<arith::MaxSIOp>(b, loc, lower, emitAffine(b, loc, expr, {}, symbols));
  for (AffineExpr expr : loop.getUpper().getResults())
    join<arith::MinSIOp>(b, loc, upper, emitAffine(b, loc, expr, {}, symbols));
  Value kvLength = symbols[2];
  lower = b.createOrFold<arith::MaxSIOp>(loc, lower, zero);
  upper = b.createOrFold<arith::MinSIOp>(loc, upper, kvLength);
  Value holds = compare(b, loc, arith::CmpIPredicate::slt, lower, upper);
  holds = b.createOrFold<arith::AndIOp>(
      loc, holds, emitSet(b, loc, loop.getGuard(), {}, symbols));
  return {b.createOrFold<arith::SelectOp>(loc, holds, lower, zero),
          b.createOrFold<arith::SelectOp>(loc, holds, upper, zero)};
}

} // namespace heed::attn
