//===- KeySpans.cpp - The keys of a few rows, shared by threads -----------===//
#include "codegen/attention/KeySpans.h"
#include "codegen/VectorMath.h"

#include <limits>

using namespace mlir;

namespace heed::attn {

/// m and l of all rows, then o, from a multiple of 64 bytes on.
static int64_t sumsBytes(int64_t rows) {
  return llvm::alignTo(2 * rows * sizeof(float), 64);
}

SpanSlots::SpanSlots(const AttentionTile &tile, int64_t head, int64_t lanes)
    : rows(tile.rows), width(llvm::alignTo(head, lanes)),
      slotBytes(
          llvm::alignTo(sumsBytes(rows) + rows * width * sizeof(float), 64)) {}

RowState SpanSlots::at(OpBuilder &b, Location loc, Value scratch,
                       Value offset) const {
  auto view = [&](int64_t byte, ArrayRef<int64_t> sizes) -> Value {
    Value start = b.createOrFold<arith::AddIOp>(
        loc, offset, arith::ConstantIndexOp::create(b, loc, byte));
    return memref::ViewOp::create(b, loc,
                                  MemRefType::get(sizes, b.getF32Type()),
                                  scratch, start, ValueRange{});
  };
  return {view(0, {rows}), view(rows * sizeof(float), {rows}),
          view(sumsBytes(rows), {rows, width})};
}

/// Calls body for each vector of a row of o.
static void eachVector(const TileCode &c, const RowState &state, Value row,
                       llvm::function_ref<void(ArrayRef<Value> at)> body) {
  int64_t width = cast<MemRefType>(state.o.getType()).getDimSize(1);
  for (int64_t d = 0; d < width; d += c.lanes)
    body({row, c.index(d)});
}
static void eachRow(const TileCode &c, Value rows,
                    llvm::function_ref<void(Value row)> body) {
  c.loop(c.index(0), rows, 1, {}, [&](Value row, ValueRange) {
    body(row);
    return TileCode::Values();
  });
}
static void storeScalar(const TileCode &c, Value value, Value memref,
                        Value row) {
  memref::StoreOp::create(c.b, c.loc, value, memref, ValueRange{row});
}

void clearState(const TileCode &c, const RowState &state, Value rows) {
  auto scalar = [&](float value) {
    return arith::ConstantOp::create(c.b, c.loc, c.b.getF32FloatAttr(value));
  };
  eachRow(c, rows, [&](Value row) {
    storeScalar(c, scalar(std::numeric_limits<float>::lowest()), state.m, row);
    storeScalar(c, scalar(0), state.l, row);
    eachVector(c, state, row, [&](ArrayRef<Value> at) {
      c.store(c.constant(0), state.o, at);
    });
  });
}

void copyState(const TileCode &c, const RowState &from, const RowState &to,
               Value rows) {
  eachRow(c, rows, [&](Value row) {
    storeScalar(c, c.loadScalar(from.m, row), to.m, row);
    storeScalar(c, c.loadScalar(from.l, row), to.l, row);
    eachVector(c, to, row, [&](ArrayRef<Value> at) {
      c.store(c.load(from.o, at), to.o, at);
    });
  });
}

void joinState(const TileCode &c, const RowState &other, const RowState &state,
               Value rows) {
  eachRow(c, rows, [&](Value row) {
    auto get = [&](Value memref) {
      return c.broadcast(c.loadScalar(memref, row));
    };
    auto first = [&](Value vector) {
      return vector::ExtractOp::create(c.b, c.loc, vector,
                                       ArrayRef<int64_t>{0});
    };
    Value m1 = get(state.m), m2 = get(other.m), m = c.max(m1, m2);
    Value keep = vecmath::exp2NonPositive(c.b, c.loc, c.sub(m1, m)),
          added = vecmath::exp2NonPositive(c.b, c.loc, c.sub(m2, m));
    Value l = c.fma(get(other.l), added, c.mul(get(state.l), keep));
    storeScalar(c, first(m), state.m, row);
    storeScalar(c, first(l), state.l, row);
    eachVector(c, state, row, [&](ArrayRef<Value> at) {
      c.store(
          c.fma(c.load(other.o, at), added, c.mul(c.load(state.o, at), keep)),
          state.o, at);
    });
  });
}

} // namespace heed::attn
