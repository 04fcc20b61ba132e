//===- TileTranspose.cpp - Rows to lanes and back -------------------------===//
#include "codegen/Bf16.h"
#include "codegen/Pairs.h"
#include "codegen/attention/TileLowering.h"

using namespace mlir;

namespace heed::attn {

// At each stride the off-diagonal blocks of row pairs change places.
void transpose(const TileCode &c, TileCode::Values &rows) {
  for (int64_t stride = c.lanes / 2; stride; stride /= 2) {
    SmallVector<int64_t> upper, lower;
    for (int64_t j = 0; j < c.lanes; ++j) {
      upper.push_back(j & stride ? c.lanes + j - stride : j);
      lower.push_back(j & stride ? c.lanes + j : j + stride);
    }
    for (int64_t i = 0; i < c.lanes; ++i) {
      if (i & stride)
        continue;
      Value a = rows[i], b = rows[i + stride];
      rows[i] = vector::ShuffleOp::create(c.b, c.loc, a, b, upper);
      rows[i + stride] = vector::ShuffleOp::create(c.b, c.loc, a, b, lower);
    }
  }
}

namespace {
/// Blocks of `size` rows: as many as a narrow vector has lanes, four where it
/// has sixteen. There each 128 bits of a vector are turned on their own, so
/// that a block needs four vectors and eight shuffles of the fastest kind: a
/// turn of all sixteen is much code.
struct RowBlocks {
  const TileCode &c;
  int64_t size = std::min<int64_t>(c.lanes, c.lanes < 16 ? 8 : 4);
  TileCode part{c.b, c.loc, size};

  int64_t count() const { return c.lanes / size; }

  /// Element r of part l of the i-th vector comes to element i of part l of the
  /// r-th.
  void turn(TileCode::Values &rows) const {
    if (size == c.lanes)
      return transpose(c, rows);
    auto join = [&](Value x, Value y, std::array<int64_t, 4> of) -> Value {
      SmallVector<int64_t> order;
      for (int64_t first = 0; first < c.lanes; first += size)
        for (int64_t i : of)
          order.push_back(first + (i < size ? i : c.lanes + i - size));
      return vector::ShuffleOp::create(c.b, c.loc, x, y, order);
    };
    auto low = [&](Value x, Value y) { return join(x, y, {0, 4, 1, 5}); };
    auto high = [&](Value x, Value y) { return join(x, y, {2, 6, 3, 7}); };
    auto lowHalves = [&](Value x, Value y) { return join(x, y, {0, 1, 4, 5}); };
    auto highHalves = [&](Value x, Value y) {
      return join(x, y, {2, 3, 6, 7});
    };
    Value x = low(rows[0], rows[1]), y = low(rows[2], rows[3]),
          z = high(rows[0], rows[1]), w = high(rows[2], rows[3]);
    rows = {lowHalves(x, y), highHalves(x, y), lowHalves(z, w),
            highHalves(z, w)};
  }

  /// Parts side by side, two and two.
  Value join(TileCode::Values parts) const {
    while (parts.size() > 1) {
      TileCode::Values next;
      for (size_t i = 0; i < parts.size(); i += 2) {
        int64_t length = cast<VectorType>(parts[i].getType()).getDimSize(0);
        next.push_back(vector::ShuffleOp::create(
            c.b, c.loc, parts[i], parts[i + 1],
            llvm::to_vector(llvm::seq<int64_t>(2 * length))));
      }
      parts = next;
    }
    return parts.front();
  }
};
} // namespace

/// Calls body for blocks of `features` features that cover the head; the last
/// may overlap the one before.
static void forFeatureBlocks(const TileCode &c, int64_t head, int64_t features,
                             llvm::function_ref<void(Value d)> body) {
  c.loop(c.index(0), c.index(head), features, {}, [&](Value d, ValueRange) {
    body(c.minIndex(d, c.index(head - features)));
    return TileCode::Values();
  });
}

void lowerTile(TileLoadQueriesOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  MemRefType tile = op.getQt().getType();
  bool inPairs = tile.getElementType().isBF16();
  int64_t head = op.getQ().getType().getDimSize(2),
          rows = tile.getDimSize(1) / (inPairs ? 2 : 1),
          group = op.getQ().getType().getDimSize(1);
  Value last = c.addIndex(op.getRows(), -1);
  auto source = [&](Value lane) { // [query, grouped head] of a lane
    Value row = c.addIndex(op.getRow(), c.minIndex(lane, last));
    return std::pair(c.divIndex(row, group), c.remIndex(row, group));
  };
  if (head < c.lanes) {
    Value scale = arith::ConstantOp::create(
        b, c.loc, b.getF32FloatAttr(op.getScale().convertToDouble()));
    c.loop(c.index(0), c.index(rows), 1, {}, [&](Value lane, ValueRange) {
      auto [query, grouped] = source(lane);
      for (int64_t d = 0; d < head; ++d) {
        Value element =
            c.asF32(c.loadScalar(op.getQ(), {query, grouped, c.index(d)}));
        memref::StoreOp::create(b, c.loc, c.mul(element, scale), op.getQt(),
                                ValueRange{c.index(d), lane});
      }
      return TileCode::Values();
    });
    return;
  }
  Value scale = c.constant(op.getScale().convertToDouble());
  // Pairs of bf16 are elements of 32 bits: they are turned as such.
  bool turnsPairs = inPairs && op.getQ().getType().getElementType().isBF16();
  int64_t element = turnsPairs ? 2 : 1;
  RowBlocks blocks{c};
  auto load = [&](std::pair<Value, Value> row, Value d) -> Value {
    SmallVector<Value> at{row.first, row.second, d};
    if (turnsPairs)
      return vector::BitCastOp::create(b, c.loc, blocks.part.f32(),
                                       Pairs{blocks.part}.load(op.getQ(), at));
    return blocks.part.loadAsF32(op.getQ(), at);
  };
  Value filled = op->hasAttr(kFillsTile) ? c.index(rows) : op.getRows();
  c.loop(c.index(0), filled, c.lanes, {}, [&](Value lane, ValueRange) {
    SmallVector<std::pair<Value, Value>> sources;
    for (int64_t i = 0; i < c.lanes; ++i)
      sources.push_back(source(c.addIndex(lane, i)));
    int64_t line = c.lineOf(op.getQ()), features = head < line ? c.lanes : line;
    forFeatureBlocks(c, head, features, [&](Value first) {
      for (auto [query, grouped] : sources) // of the next tile
        c.prefetch(op.getQ(),
                   {c.addIndex(query, rows / group), grouped, first});
      c.loop(c.index(0), c.index(features), blocks.size * element, {},
             [&](Value i, ValueRange) {
               Value d = c.addIndex(first, i);
               TileCode::Values block;
               for (int64_t r = 0; r < blocks.size; ++r) {
                 TileCode::Values parts;
                 for (int64_t l = 0; l < blocks.count(); ++l)
                   parts.push_back(load(sources[l * blocks.size + r], d));
                 block.push_back(blocks.join(parts));
                 if (!turnsPairs)
                   block[r] = c.mul(block[r], scale);
               }
               blocks.turn(block);
               if (!inPairs) {
                 for (auto [r, row] : llvm::enumerate(block))
                   c.store(row, op.getQt(), {c.addIndex(d, r), lane});
                 return TileCode::Values();
               }
               // The head is even, and so is d.
               Pairs pairs{c};
               for (int64_t r = 0; r < blocks.size; r += 2 / element) {
                 Value row = turnsPairs ? vector::BitCastOp::create(
                                              b, c.loc, pairs.type(), block[r])
                                        : pairs.of(block[r], block[r + 1]);
                 pairs.store(row, op.getQt(),
                             {c.addIndex(c.divIndex(d, 2), r * element / 2),
                              c.mulIndex(lane, 2)});
               }
               return TileCode::Values();
             });
    });
    Value zeros =
        arith::ConstantOp::create(b, c.loc, b.getZeroAttr(Pairs{c}.type()));
    for (int64_t d = head / 2; inPairs && d < tile.getDimSize(0); ++d)
      Pairs{c}.store(zeros, op.getQt(), {c.index(d), c.mulIndex(lane, 2)});
    return TileCode::Values();
  });
}

void lowerTile(TileStoreOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  MemRefType tile = op.getO().getType();
  int64_t head = tile.getDimSize(0),
          group = op.getOut().getType().getDimSize(1);
  Type element = op.getOut().getType().getElementType();
  bool byInstruction = op->hasAttr(kAtom);
  auto asElement = [&](Value x) -> Value {
    if (element.isF32())
      return x;
    return byInstruction ? arith::TruncFOp::create(
                               b, c.loc, VectorType::get(c.lanes, element), x)
                         : roundToBf16(b, c.loc, x);
  };
  auto ifRow = [&](Value lane,
                   llvm::function_ref<void(Value query, Value grouped)> body) {
    scf::IfOp::create(b, c.loc, c.lessIndex(lane, op.getRows()),
                      [&](OpBuilder &, Location) {
                        Value row = c.addIndex(op.getRow(), lane);
                        body(c.divIndex(row, group), c.remIndex(row, group));
                        scf::YieldOp::create(b, c.loc);
                      });
  };
  if (head < c.lanes) {
    Value zero = arith::ConstantOp::create(b, c.loc, b.getF32FloatAttr(0));
    c.loop(c.index(0), op.getRows(), 1, {}, [&](Value lane, ValueRange) {
      ifRow(lane, [&](Value query, Value grouped) {
        Value sum = c.loadScalar(op.getL(), lane);
        Value isEmpty = c.compare(arith::CmpFPredicate::OEQ, sum, zero);
        for (int64_t d = 0; d < head; ++d) {
          Value quotient =
              c.div(c.loadScalar(op.getO(), {c.index(d), lane}), sum);
          memref::StoreOp::create(
              b, c.loc, asElement(c.select(isEmpty, zero, quotient)),
              op.getOut(), ValueRange{query, grouped, c.index(d)});
        }
      });
      return TileCode::Values();
    });
    return;
  }
  RowBlocks blocks{c};
  c.loop(c.index(0), op.getRows(), blocks.size, {},
         [&](Value lane, ValueRange) {
           Value sums = blocks.join(TileCode::Values(
               blocks.count(), blocks.part.load(op.getL(), lane)));
           Value zero = c.constant(0);
           Value isEmpty = c.compare(arith::CmpFPredicate::OEQ, sums, zero);
           Value inverse = c.select(isEmpty, zero, c.div(c.constant(1), sums));
           forFeatureBlocks(c, head, c.lanes, [&](Value d) {
             TileCode::Values block;
             for (int64_t i = 0; i < blocks.size; ++i) {
               TileCode::Values parts;
               for (int64_t l = 0; l < blocks.count(); ++l)
                 parts.push_back(blocks.part.load(
                     op.getO(), {c.addIndex(d, l * blocks.size + i), lane}));
               block.push_back(c.mul(blocks.join(parts), inverse));
             }
             blocks.turn(block);
             for (auto [i, row] : llvm::enumerate(block))
               ifRow(c.addIndex(lane, i), [&](Value query, Value grouped) {
                 vector::StoreOp::create(b, c.loc, asElement(row), op.getOut(),
                                         ValueRange{query, grouped, d});
               });
           });
           return TileCode::Values();
         });
}

void lowerTile(TilePositionsOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  int64_t rows = op.getPositions().getType().getDimSize(0),
          group = op.getGroup();
  auto inLanes = [&](Value x) {
    return c.broadcast(arith::IndexCastOp::create(b, c.loc, b.getI32Type(), x));
  };
  // (row + lane) floordiv group = row floordiv group + (row mod group + lane)
  // floordiv group: small numbers in lanes.
  Value first =
      inLanes(c.addIndex(op.getPast(), c.divIndex(op.getRow(), group)));
  Value within = inLanes(c.remIndex(op.getRow(), group)),
        last = inLanes(c.addIndex(op.getRows(), -1));
  for (int64_t v = 0; v < rows; v += c.lanes) {
    Value lane = arith::AddIOp::create(b, c.loc, c.iota(), c.constantInt(v));
    Value row = arith::AddIOp::create(
        b, c.loc, within, arith::MinSIOp::create(b, c.loc, lane, last));
    Value query = arith::DivUIOp::create(b, c.loc, row, c.constantInt(group));
    vector::StoreOp::create(b, c.loc,
                            arith::AddIOp::create(b, c.loc, first, query),
                            op.getPositions(), ValueRange{c.index(v)});
  }
}

} // namespace heed::attn
