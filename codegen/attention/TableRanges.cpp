//===- TableRanges.cpp - Keys that a mask's tables allow, found when it runs =//
#include "codegen/attention/TableRanges.h"
#include "codegen/attention/MaskCode.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace heed::attn {

using Predicate = arith::CmpIPredicate;

/// The loops' symbols before the mask's own: q0, q1, kv_len.
static constexpr unsigned firstMaskSymbol = 3;

TableRanges::TableRanges(AttentionOp op, AttentionViews &views, OpBuilder &b)
    : op(op), views(views), b(b), loc(op.getLoc()) {
  ArrayRef<MaskSymbolAttr> symbols = op.getMask().getSymbols();
  TableConditions split = splitTableConditions(op.getMask());
  for (auto [expr, equality] : llvm::zip(split.conditions, split.isEquality)) {
    SmallVector<int64_t> flat;
    FlatLinearConstraints divisions;
    if (failed(
            getFlattenedAffineExpr(expr, 2, symbols.size(), &flat, &divisions)))
      llvm_unreachable("conditions are linear");
    Condition condition{-1, 0, expr};
    for (auto [i, symbol] : llvm::enumerate(symbols))
      if (int64_t factor = flat[2 + i];
          factor != 0 && symbol.getIndex() == SymbolIndex::Key) {
        AffineExpr table = getAffineSymbolExpr(i, b.getContext()) * factor;
        condition = {int(i), factor,
                     simplifyAffineExpr(expr - table, 2, symbols.size())};
      }
    conditions.push_back(condition);
    if (equality)
      conditions.push_back(
          {condition.key, -condition.factor,
           simplifyAffineExpr(condition.rest * -1, 2, symbols.size())});
  }
}

void TableRanges::enter(const Segment &segment) {
  sorted = {};
  llvm::SmallDenseSet<int> seen;
  for (const Condition &condition : conditions) {
    if (condition.key < 0 || !seen.insert(condition.key).second)
      continue;
    Value yes = arith::ConstantIntOp::create(b, loc, true, 1);
    auto loop = scf::ForOp::create(
        b, loc, index(1), segment.keyLength, index(1), ValueRange{yes, yes},
        [&](OpBuilder &, Location, Value kv, ValueRange sofar) {
          Value before = entry(segment, condition.key,
                               arith::SubIOp::create(b, loc, kv, index(1))),
                here = entry(segment, condition.key, kv);
          Value up = compare(Predicate::sle, before, here),
                down = compare(Predicate::sge, before, here);
          scf::YieldOp::create(
              b, loc,
              ValueRange{arith::AndIOp::create(b, loc, sofar[0], up),
                         arith::AndIOp::create(b, loc, sofar[1], down)});
        });
    Value one =
        arith::OrIOp::create(b, loc, loop.getResult(0), loop.getResult(1));
    sorted =
        sorted ? arith::AndIOp::create(b, loc, sorted, one).getResult() : one;
  }
  Value some = compare(Predicate::sgt, segment.keyLength, index(0));
  sorted =
      sorted ? arith::AndIOp::create(b, loc, sorted, some).getResult() : some;
}

TableRanges::Found TableRanges::find(const Segment &segment,
                                     ValueRange symbols) {
  Range everything = always(segment), nothing = none();
  Type type = b.getIndexType();
  auto branch = scf::IfOp::create(b, loc, TypeRange{type, type, type, type},
                                  sorted, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc,
                       ValueRange{everything.first, everything.second,
                                  nothing.first, nothing.second});
  b.setInsertionPointToStart(branch.thenBlock());
  Found found{everything, everything};
  for (const Condition &condition : conditions) {
    auto [least, greatest] = extent(segment, condition, symbols);
    // a t >= -h for the greatest h, and for the least.
    auto bound = [&](Value h) {
      return whereAtLeast(segment, condition,
                          arith::SubIOp::create(b, loc, index(0), h));
    };
    Range some = bound(greatest);
    // Most tiles have one value of h: one search does.
    auto differ =
        scf::IfOp::create(b, loc, TypeRange{type, type},
                          compare(Predicate::ne, least, greatest), true);
    {
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(differ.thenBlock());
      Range all = bound(least);
      scf::YieldOp::create(b, loc, ValueRange{all.first, all.second});
      b.setInsertionPointToStart(differ.elseBlock());
      scf::YieldOp::create(b, loc, ValueRange{some.first, some.second});
    }
    found.some = cut(found.some, some);
    found.all = cut(found.all, {differ.getResult(0), differ.getResult(1)});
  }
  scf::YieldOp::create(b, loc,
                       ValueRange{found.some.first, found.some.second,
                                  found.all.first, found.all.second});
  return {{branch.getResult(0), branch.getResult(1)},
          {branch.getResult(2), branch.getResult(3)}};
}

/// The keys with factor t[kv] >= least. The table is sorted, so that the answer
/// changes at most once along the keys.
TableRanges::Range TableRanges::whereAtLeast(const Segment &segment,
                                             const Condition &condition,
                                             Value least) {
  if (condition.key < 0)
    return select(compare(Predicate::sge, index(0), least), always(segment),
                  none());
  auto holds = [&](Value kv) {
    Value value = arith::MulIOp::create(
        b, loc, entry(segment, condition.key, kv), index(condition.factor));
    return compare(Predicate::sge, value, least);
  };
  Value atFirst = holds(index(0));
  Type type = b.getIndexType();
  // The first key whose answer is not the first one's, in [low, high].
  auto search = scf::WhileOp::create(
      b, loc, TypeRange{type, type}, ValueRange{index(1), segment.keyLength},
      [&](OpBuilder &, Location, ValueRange at) {
        scf::ConditionOp::create(b, loc, compare(Predicate::slt, at[0], at[1]),
                                 at);
      },
      [&](OpBuilder &, Location, ValueRange at) {
        Value middle = arith::ShRUIOp::create(
            b, loc, arith::AddIOp::create(b, loc, at[0], at[1]), index(1));
        Value same = compare(Predicate::eq, holds(middle), atFirst);
        Value next = arith::AddIOp::create(b, loc, middle, index(1));
        scf::YieldOp::create(
            b, loc,
            ValueRange{arith::SelectOp::create(b, loc, same, next, at[0]),
                       arith::SelectOp::create(b, loc, same, at[1], middle)});
      });
  Value change = search.getResult(0);
  return select(atFirst, {index(0), change}, {change, segment.keyLength});
}

std::pair<Value, Value> TableRanges::extent(const Segment &segment,
                                            const Condition &condition,
                                            ValueRange symbols) {
  int query = -1;
  for (auto [i, symbol] : llvm::enumerate(op.getMask().getSymbols()))
    if (symbol.getIndex() == SymbolIndex::Query &&
        condition.rest.isFunctionOfSymbol(i))
      query = i;
  SmallVector<Value> values(symbols.drop_front(firstMaskSymbol));
  auto at = [&](Value q) {
    if (query >= 0)
      values[query] = views.opaqueSymbol(op.getMask().getSymbols()[query],
                                         segment, q, Value());
    return emitAffine(b, loc, condition.rest, {}, values);
  };
  Value first = at(symbols[0]);
  if (query < 0)
    return {first, first};
  Value next = arith::AddIOp::create(b, loc, symbols[0], index(1));
  auto loop = scf::ForOp::create(
      b, loc, next, symbols[1], index(1), ValueRange{first, first},
      [&](OpBuilder &, Location, Value q, ValueRange sofar) {
        Value h = at(q);
        scf::YieldOp::create(
            b, loc,
            ValueRange{arith::MinSIOp::create(b, loc, sofar[0], h),
                       arith::MaxSIOp::create(b, loc, sofar[1], h)});
      });
  return {loop.getResult(0), loop.getResult(1)};
}

TableRanges::Range TableRanges::cut(Range range, Range within) {
  Range both{b.createOrFold<arith::MaxSIOp>(loc, range.first, within.first),
             b.createOrFold<arith::MinSIOp>(loc, range.second, within.second)};
  return select(compare(Predicate::slt, both.first, both.second), both, none());
}

TableRanges::Range TableRanges::always(const Segment &segment) {
  return {index(0), segment.keyLength};
}
TableRanges::Range TableRanges::none() { return {index(0), index(0)}; }

Value TableRanges::entry(const Segment &segment, int symbol, Value kv) {
  return views.opaqueSymbol(op.getMask().getSymbols()[symbol], segment, Value(),
                            kv);
}
Value TableRanges::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}
Value TableRanges::compare(Predicate predicate, Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(loc, predicate, x, y);
}
TableRanges::Range TableRanges::select(Value condition, Range x, Range y) {
  return {b.createOrFold<arith::SelectOp>(loc, condition, x.first, y.first),
          b.createOrFold<arith::SelectOp>(loc, condition, x.second, y.second)};
}

} // namespace heed::attn
