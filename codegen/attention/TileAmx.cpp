//===- TileAmx.cpp - The two products of attention on AMX -----------------===//
#include "codegen/attention/TileAmx.h"
#include "codegen/AmxTiles.h"

using namespace mlir;

namespace heed::attn {

namespace {
/// A matrix in scratch, by bytes.
struct Matrix {
  const TileCode &c;
  Value memref;
  int64_t size, rowBytes; // of an element and of a row

  Matrix(const TileCode &c, Value memref) : c(c), memref(memref) {
    auto type = cast<MemRefType>(memref.getType());
    size = type.getElementTypeBitWidth() / 8;
    rowBytes = type.getStridesAndOffset().first[0] * size;
  }
  Value at(Value row, Value column) const {
    return c.addIndex(c.mulIndex(row, rowBytes), c.mulIndex(column, size));
  }
  Value load(Value row, Value column) const {
    return AmxTiles{c.b, c.loc}.load(memref, at(row, column),
                                     c.index(rowBytes));
  }
  void store(Value tile, Value row, Value column) const {
    AmxTiles{c.b, c.loc}.store(tile, memref, at(row, column),
                               c.index(rowBytes));
  }
};

constexpr int64_t side = AmxTiles::kSide, step = AmxTiles::kDepth;

Value wholeSteps(const TileCode &c, Value count, int64_t of) {
  return c.mulIndex(c.divIndex(c.addIndex(count, of - 1), of), of);
}

/// One block of tiles: sums + a b over `depth` elements from a's column `from`.
/// b's rows are pairs and begin at 0.
TileCode::Values products(const TileCode &c, const Matrix &a, Value row,
                          int64_t tall, Value from, const Matrix &b,
                          Value column, int64_t wide, Value depth,
                          ValueRange sums) {
  AmxTiles tiles{c.b, c.loc};
  return c.loop(
      c.index(0), depth, step, sums, [&](Value k, ValueRange carried) {
        TileCode::Values left, right, next;
        for (int64_t i = 0; i < tall; ++i)
          left.push_back(
              a.load(c.addIndex(row, i * side), c.addIndex(from, k)));
        for (int64_t j = 0; j < wide; ++j)
          right.push_back(b.load(c.divIndex(k, 2),
                                 c.mulIndex(c.addIndex(column, j * side), 2)));
        for (int64_t i = 0; i < tall; ++i)
          for (int64_t j = 0; j < wide; ++j)
            next.push_back(
                tiles.dotBf16(carried[i * wide + j], left[i], right[j]));
        return next;
      });
}

/// Calls body for blocks of two by two tiles that cover rows x columns, both
/// whole tiles; the last ones are narrower.
void forBlocks(const TileCode &c, Value rows, int64_t columns,
               llvm::function_ref<void(Value row, int64_t tall, Value column,
                                       int64_t wide)>
                   body) {
  auto acrossColumns = [&](Value row, int64_t tall) {
    for (int64_t column = 0; column < columns; column += 2 * side)
      body(row, tall, c.index(column), columns - column >= 2 * side ? 2 : 1);
  };
  Value odd = c.remIndex(rows, 2 * side), even = c.subIndex(rows, odd);
  c.loop(c.index(0), even, 2 * side, {}, [&](Value row, ValueRange) {
    acrossColumns(row, 2);
    return TileCode::Values();
  });
  auto last = scf::IfOp::create(c.b, c.loc, c.lessIndex(c.index(0), odd));
  OpBuilder::InsertionGuard guard(c.b);
  c.b.setInsertionPoint(last.thenBlock()->getTerminator());
  acrossColumns(even, 1);
}
} // namespace

void amxScores(TileScoresOp op, const TileCode &c) {
  AmxTiles tiles{c.b, c.loc};
  Matrix keys(c, op.getK()), queries(c, op.getQt()), scores(c, op.getS());
  Value first = c.subIndex(op.getFrom(), op.getBase());
  int64_t depth = op.getK().getType().getDimSize(1);
  forBlocks(c, wholeSteps(c, op.getCount(), side),
            op.getS().getType().getDimSize(1),
            [&](Value row, int64_t tall, Value column, int64_t wide) {
              TileCode::Values sums;
              for (int64_t i = 0; i < tall * wide; ++i)
                sums.push_back(tiles.zero());
              sums = products(c, keys, c.addIndex(first, row), tall, c.index(0),
                              queries, column, wide, c.index(depth), sums);
              for (int64_t i = 0; i < tall; ++i)
                for (int64_t j = 0; j < wide; ++j)
                  scores.store(sums[i * wide + j], c.addIndex(row, i * side),
                               c.addIndex(column, j * side));
            });
}

void amxCombine(TileCombineOp op, const TileCode &c) {
  Matrix values(c, op.getV()), weights(c, op.getP()), out(c, op.getO());
  int64_t head = op.getO().getType().getDimSize(0),
          rows = op.getO().getType().getDimSize(1);
  c.loop(c.index(0), c.index(head), 1, {}, [&](Value d, ValueRange) {
    for (int64_t v = 0; v < rows; v += c.lanes) {
      Value at = c.index(v), alpha = c.load(op.getAlpha(), at);
      c.store(c.mul(c.load(op.getO(), {d, at}), alpha), op.getO(), {d, at});
    }
    return TileCode::Values();
  });
  Value depth = wholeSteps(c, op.getCount(), step);
  forBlocks(
      c, c.index(llvm::alignTo(head, side)), rows,
      [&](Value row, int64_t tall, Value column, int64_t wide) {
        TileCode::Values sums;
        auto each = [&](auto body) {
          for (int64_t i = 0; i < tall; ++i)
            for (int64_t j = 0; j < wide; ++j)
              body(i * wide + j, c.addIndex(row, i * side),
                   c.addIndex(column, j * side));
        };
        each(
            [&](int64_t, Value r, Value q) { sums.push_back(out.load(r, q)); });
        sums = products(c, values, row, tall, op.getFrom(), weights, column,
                        wide, depth, sums);
        each([&](int64_t i, Value r, Value q) { out.store(sums[i], r, q); });
      });
}

void amxPackValues(TilePackValuesOp op, const TileCode &c) {
  MemRefType source = op.getV().getType();
  int64_t head = source.getDimSize(1);
  Value last = c.addIndex(op.getCount(), -1), zero = c.constant(0);
  auto bf16 = VectorType::get(c.lanes, c.b.getBF16Type());
  auto load = [&](Value key, Value d) -> Value {
    // A weight of 0 does not silence what lies behind the last key: zeros do.
    Value row = c.addIndex(op.getFrom(), c.minIndex(key, last));
    Value loaded = vector::LoadOp::create(
        c.b, c.loc, VectorType::get(c.lanes, source.getElementType()),
        op.getV(), ValueRange{row, d});
    if (!source.getElementType().isF32())
      loaded = arith::ExtFOp::create(c.b, c.loc, c.f32(), loaded);
    return c.select(c.lessEqualIndex(key, last), loaded, zero);
  };
  c.loop(c.index(0), wholeSteps(c, op.getCount(), step), c.lanes, {},
         [&](Value key, ValueRange) {
           c.loop(c.index(0), c.index(head), c.lanes, {},
                  [&](Value block, ValueRange) {
                    Value d = c.minIndex(block, c.index(head - c.lanes));
                    TileCode::Values rows;
                    for (int64_t i = 0; i < c.lanes; ++i)
                      rows.push_back(load(c.addIndex(key, i), d));
                    transpose(c, rows);
                    for (int64_t i = 0; i < c.lanes; ++i)
                      vector::StoreOp::create(
                          c.b, c.loc,
                          arith::TruncFOp::create(c.b, c.loc, bf16, rows[i]),
                          op.getVp(), ValueRange{c.addIndex(d, i), key});
                    return TileCode::Values();
                  });
           return TileCode::Values();
         });
}

} // namespace heed::attn
