//===- LongRows.cpp - Sums of very many keys, in two levels ---------------===//
#include "codegen/attention/LongRows.h"
#include "codegen/VectorMath.h"

#include <limits>

using namespace mlir;

namespace heed::attn {

void LongRows::start() const {
  Value no = arith::ConstantOp::create(c.b, c.loc, c.b.getI64IntegerAttr(0));
  memref::StoreOp::create(c.b, c.loc, no, used, ValueRange{c.index(0)});
}

void LongRows::when(Value condition, llvm::function_ref<void()> body) const {
  scf::IfOp::create(c.b, c.loc, condition, [&](OpBuilder &, Location) {
    body();
    scf::YieldOp::create(c.b, c.loc);
  });
}

void LongRows::overKeys(Value from, Value to, Value keys,
                        llvm::function_ref<void(Value, Value)> body) const {
  c.loop(from, to, keys, {}, [&](Value key, ValueRange) {
    Value end = c.minIndex(c.addIndex(key, keys), to);
    body(key, end);
    when(c.lessIndex(end, to), [&] { putAway(); });
    return TileCode::Values();
  });
}

void LongRows::eachVector(
    llvm::function_ref<void(Value, Value, Value, ArrayRef<Value>)> body) const {
  MemRefType tile = cast<MemRefType>(state.o.getType());
  c.loop(c.index(0), c.index(tile.getDimSize(1)), c.lanes, {},
         [&](Value lane, ValueRange) {
           Value factor = vecmath::exp2NonPositive(
               c.b, c.loc, c.sub(c.load(total.m, lane), c.load(state.m, lane)));
           body(factor, state.l, total.l, {lane});
           c.loop(c.index(0), c.index(tile.getDimSize(0)), 1, {},
                  [&](Value d, ValueRange) {
                    body(factor, state.o, total.o, {d, lane});
                    return TileCode::Values();
                  });
           c.store(c.load(state.m, lane), total.m, lane);
           return TileCode::Values();
         });
}

void LongRows::putAway() const {
  Value zero = c.index(0);
  Value before = c.loadScalar(used, zero),
        no = arith::ConstantOp::create(c.b, c.loc, c.b.getI64IntegerAttr(0)),
        yes = arith::ConstantOp::create(c.b, c.loc, c.b.getI64IntegerAttr(1));
  Value isFirst =
      arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::eq, before, no);
  memref::StoreOp::create(c.b, c.loc, yes, used, ValueRange{zero});
  eachVector([&](Value factor, Value sum, Value kept, ArrayRef<Value> at) {
    // What memory holds before the first time may be no number.
    Value now = c.load(sum, at),
          together = c.fma(c.load(kept, at), factor, now);
    c.store(c.select(isFirst, now, together), kept, at);
    c.store(c.constant(0), sum, at);
  });
}

void LongRows::finish() const {
  Value no = arith::ConstantOp::create(c.b, c.loc, c.b.getI64IntegerAttr(0));
  Value some = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::ne,
                                     c.loadScalar(used, c.index(0)), no);
  when(some, [&] {
    eachVector([&](Value factor, Value sum, Value kept, ArrayRef<Value> at) {
      c.store(c.fma(c.load(kept, at), factor, c.load(sum, at)), sum, at);
    });
  });
}

} // namespace heed::attn
