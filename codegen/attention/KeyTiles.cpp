//===- KeyTiles.cpp - Key tiles that a mask needs, found when it runs -----===//
#include "codegen/attention/KeyTiles.h"
#include "codegen/attention/IndexCode.h"
#include "ir/TileTest.h"

using namespace mlir;

namespace heed::attn {

namespace {
/// TileTest's arithmetic as IR on index values.
struct Emitted : IndexCode {
  using Truth = mlir::Value;

  Value constant(int64_t n) { return index(n); }
  Truth truth(bool yes) { return arith::ConstantIntOp::create(b, loc, yes, 1); }
  Value times(Value x, int64_t n) {
    return b.createOrFold<arith::MulIOp>(loc, x, constant(n));
  }
  Value floorDiv(Value x, int64_t n) {
    return b.createOrFold<arith::FloorDivSIOp>(loc, x, constant(n));
  }
  Truth lessEqual(Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, x, y);
  }
  Truth either(Truth x, Truth y) {
    return b.createOrFold<arith::OrIOp>(loc, x, y);
  }
};
} // namespace

bool KeyTiles::any(int64_t keys) {
  return asksTiles(op.getMask(), op.getTileBoundsAttr(), keys);
}

void KeyTiles::overRuns(Value q0, Value q1, ValueRange symbols, Value from,
                        Value to, Size size, int64_t step,
                        function_ref<void(Value from, Value to)> body) {
  Emitted a{b, op.getLoc()};
  SmallVector<std::optional<Value>> known;
  for (auto [symbol, value] : llvm::zip(op.getMask().getSymbols(), symbols))
    known.push_back(symbol.isOpaque() ? std::nullopt : std::optional(value));
  TileTest<Emitted> test(a, op.getMask(), known);
  auto may = [&](Value k, Value size, int64_t least) {
    return test.mayMeet(q0, q1, k, a.minimum(a.add(k, size), to), least);
  };
  auto beforeEnd = [&](Value k) {
    return arith::CmpIOp::create(b, a.loc, arith::CmpIPredicate::slt, k, to);
  };
  Value least = a.constant(step),
        most = a.constant(std::max(step, kMostKeysAsked));
  Type index = b.getIndexType();

  // The first key from `start` on that may be needed: twice as many keys at a
  // time where none is, half as many where one is.
  auto first = [&](Value start) {
    Value no = a.truth(false);
    auto search = scf::WhileOp::create(
        b, a.loc, TypeRange{index, index, no.getType()},
        ValueRange{start, most, no},
        [&](OpBuilder &, Location, ValueRange at) {
          Value searches = a.both(
              beforeEnd(at[0]),
              b.createOrFold<arith::XOrIOp>(a.loc, at[2], a.truth(true)));
          scf::ConditionOp::create(b, a.loc, searches, at);
        },
        [&](OpBuilder &, Location, ValueRange at) {
          Value k = at[0], size = at[1], some = may(k, size, 1);
          Value half = arith::ShRUIOp::create(b, a.loc, size, a.constant(1)),
                twice = arith::ShLIOp::create(b, a.loc, size, a.constant(1));
          Value smaller = arith::MaxSIOp::create(b, a.loc, half, least);
          Value found = a.both(
              some, arith::CmpIOp::create(b, a.loc, arith::CmpIPredicate::eq,
                                          size, least));
          scf::YieldOp::create(
              b, a.loc,
              ValueRange{a.select(some, k, a.add(k, size)),
                         a.select(some, smaller, a.minimum(twice, most)),
                         found});
        });
    return search.getResult(0);
  };
  scf::WhileOp::create(
      b, a.loc, TypeRange{index}, ValueRange{from},
      [&](OpBuilder &, Location, ValueRange at) {
        Value k = first(at[0]);
        scf::ConditionOp::create(b, a.loc, beforeEnd(k), ValueRange{k});
      },
      [&](OpBuilder &, Location, ValueRange at) {
        Value k = at[0];
        auto run = scf::WhileOp::create(
            b, a.loc, TypeRange{index}, ValueRange{a.add(k, size.keys)},
            [&](OpBuilder &, Location, ValueRange end) {
              scf::ConditionOp::create(
                  b, a.loc,
                  a.both(beforeEnd(end[0]), may(end[0], size.keys, size.least)),
                  end);
            },
            [&](OpBuilder &, Location, ValueRange end) {
              scf::YieldOp::create(b, a.loc, a.add(end[0], size.keys));
            });
        Value end = run.getResult(0);
        body(k, a.minimum(end, to));
        scf::YieldOp::create(b, a.loc, end);
      });
}

} // namespace heed::attn
