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

/// Calls body for blocks of `features` features that cover the head; the last
/// may overlap the one before.
static void forFeatureBlocks(const TileCode &c, int64_t head, int64_t features,
                             llvm::function_ref<void(Value d)> body) {
  c.loop(c.index(0), c.index(head), features, {}, [&](Value d, ValueRange) {
    body(c.minIndex(d, c.index(head - features)));
    return TileCode::Values();
  });
}

/// 2 lanes features of a row, of f32 or bf16, as pairs.
static Value loadPairs(const TileCode &c, Value memref, SmallVector<Value> at) {
  Pairs pairs{c};
  if (cast<MemRefType>(memref.getType()).getElementType().isBF16())
    return pairs.load(memref, at);
  Value first = c.load(memref, at);
  at.back() = c.addIndex(at.back(), c.lanes);
  return pairs.join(first, c.load(memref, at));
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
  // Pairs of a row are elements of 32 bits: they are turned as such.
  bool turnsPairs = inPairs && head >= 2 * c.lanes;
  c.loop(c.index(0), op.getRows(), c.lanes, {}, [&](Value lane, ValueRange) {
    SmallVector<std::pair<Value, Value>> sources;
    for (int64_t i = 0; i < c.lanes; ++i)
      sources.push_back(source(c.addIndex(lane, i)));
    int64_t features = turnsPairs ? 2 * c.lanes : c.lanes;
    forFeatureBlocks(c, head, features, [&](Value d) {
      TileCode::Values block;
      for (auto [query, grouped] : sources) // of the next tile
        c.prefetch(op.getQ(), {c.addIndex(query, rows / group), grouped, d});
      for (auto [query, grouped] : sources)
        block.push_back(
            turnsPairs
                ? vector::BitCastOp::create(
                      b, c.loc, c.f32(),
                      loadPairs(c, op.getQ(), {query, grouped, d}))
                : c.mul(c.loadAsF32(op.getQ(), {query, grouped, d}), scale));
      transpose(c, block);
      if (turnsPairs) {
        for (int64_t i = 0; i < c.lanes; ++i)
          Pairs{c}.store(
              vector::BitCastOp::create(b, c.loc, Pairs{c}.type(), block[i]),
              op.getQt(),
              {c.addIndex(c.divIndex(d, 2), i), c.mulIndex(lane, 2)});
        return;
      }
      for (int64_t i = 0; !inPairs && i < c.lanes; ++i)
        c.store(block[i], op.getQt(), {c.addIndex(d, i), lane});
      // The head is even, and so is d.
      Pairs pairs{c};
      for (int64_t i = 0; inPairs && i < c.lanes; i += 2)
        pairs.store(pairs.of(block[i], block[i + 1]), op.getQt(),
                    {c.addIndex(c.divIndex(d, 2), i / 2), c.mulIndex(lane, 2)});
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
  auto asPairs = [&](Value first, Value second) {
    return byInstruction ? Pairs{c}.of(first, second)
                         : roundToPairs(c, first, second);
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
  bool turnsPairs = element.isBF16() && head >= 2 * c.lanes;
  int64_t features = turnsPairs ? 2 * c.lanes : c.lanes;
  c.loop(c.index(0), op.getRows(), c.lanes, {}, [&](Value lane, ValueRange) {
    Value sum = c.load(op.getL(), lane), zero = c.constant(0);
    Value isEmpty = c.compare(arith::CmpFPredicate::OEQ, sum, zero);
    Value inverse = c.select(isEmpty, zero, c.div(c.constant(1), sum));
    forFeatureBlocks(c, head, features, [&](Value d) {
      auto quotient = [&](int64_t i) {
        return c.mul(c.load(op.getO(), {c.addIndex(d, i), lane}), inverse);
      };
      TileCode::Values block;
      for (int64_t i = 0; i < c.lanes; ++i)
        block.push_back(turnsPairs
                            ? vector::BitCastOp::create(
                                  b, c.loc, c.f32(),
                                  asPairs(quotient(2 * i), quotient(2 * i + 1)))
                            : quotient(i));
      transpose(c, block);
      for (int64_t i = 0; i < c.lanes; ++i)
        ifRow(c.addIndex(lane, i), [&](Value query, Value grouped) {
          Value row = turnsPairs ? vector::BitCastOp::create(
                                       b, c.loc, Pairs{c}.type(), block[i])
                                 : asElement(block[i]);
          vector::StoreOp::create(b, c.loc, row, op.getOut(),
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
