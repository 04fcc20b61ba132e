//===- KeysInLanes.cpp - Tile ops for a handful of rows -------------------===//
#include "codegen/attention/KeysInLanes.h"
#include "codegen/VectorMath.h"
#include "codegen/attention/LaneRegion.h"

#include <limits>

using namespace mlir;

namespace heed::attn {

namespace {
/// Rows of `head` features, read and written a vector at a time; the last
/// vector may be cut short.
struct RowCode : TileCode {
  int64_t head;
  RowCode(OpBuilder &b, Location loc, int64_t lanes, int64_t head)
      : TileCode(b, loc, lanes), head(head) {}

  int64_t wholeVectors() const { return head / lanes; }
  int64_t allVectors() const { return llvm::divideCeil(head, lanes); }
  /// The lanes of the last, cut vector.
  Value cut() const {
    SmallVector<bool> mask(lanes);
    std::fill_n(mask.begin(), head % lanes, true);
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(VectorType::get(lanes, b.getI1Type()),
                               ArrayRef(mask)));
  }
  Value loadVector(Value memref, ValueRange at, bool isCut) const {
    return isCut ? vector::MaskedLoadOp::create(b, loc, f32(), memref, at,
                                                cut(), constant(0))
                       .getResult()
                 : load(memref, at);
  }
  void storeVector(Value value, Value memref, ValueRange at, bool isCut) const {
    if (isCut)
      vector::MaskedStoreOp::create(b, loc, memref, at, cut(), value);
    else
      store(value, memref, at);
  }
  void storeScalar(Value value, Value memref, ValueRange at) const {
    memref::StoreOp::create(b, loc, value, memref, at);
  }
  /// `row`, or the last of all.
  Value inside(Value memref, Value row) const {
    Value rows = memref::DimOp::create(b, loc, memref, 0);
    return minIndex(row, addIndex(rows, -1));
  }
  /// Lanes may be added in any order: it is the same for every call.
  Value reduce(vector::CombiningKind kind, Value x) const {
    auto flags = arith::FastMathFlags::reassoc | arith::FastMathFlags::nnan |
                 arith::FastMathFlags::nsz;
    return vector::ReductionOp::create(b, loc, kind, x, flags);
  }
  /// exp2 of a scalar, through a vector.
  Value exp2(Value scalar) const {
    return vector::ExtractOp::create(
        b, loc, vecmath::exp2NonPositive(b, loc, broadcast(scalar)),
        ArrayRef<int64_t>{0});
  }
};
} // namespace

static int64_t rowsOf(Value tile) {
  return cast<MemRefType>(tile.getType()).getDimSize(0);
}

void lowerKeysInLanes(TileLoadQueriesOp op, OpBuilder &b) {
  MemRefType q = op.getQ().getType();
  RowCode c(b, op.getLoc(), op.getLanes(), q.getDimSize(2));
  Value last = c.addIndex(op.getRows(), -1),
        scale = c.constant(op.getScale().convertToDouble());
  for (int64_t r = 0; r < rowsOf(op.getQt()); ++r) {
    Value row = c.addIndex(op.getRow(), c.minIndex(c.index(r), last));
    Value query = c.divIndex(row, q.getDimSize(1)),
          grouped = c.remIndex(row, q.getDimSize(1));
    for (int64_t v = 0; v < c.allVectors(); ++v) {
      Value d = c.index(v * c.lanes);
      c.store(c.mul(c.loadVector(op.getQ(), {query, grouped, d},
                                 v == c.wholeVectors()),
                    scale),
              op.getQt(), {c.index(r), d});
    }
  }
}

void lowerKeysInLanes(TilePositionsOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  Value last = c.addIndex(op.getRows(), -1);
  for (int64_t r = 0; r < rowsOf(op.getPositions()); ++r) {
    Value row = c.addIndex(op.getRow(), c.minIndex(c.index(r), last));
    Value position = c.addIndex(op.getPast(), c.divIndex(row, op.getGroup()));
    memref::StoreOp::create(
        b, c.loc,
        arith::IndexCastOp::create(b, c.loc, b.getI32Type(), position),
        op.getPositions(), ValueRange{c.index(r)});
  }
}

void lowerKeysInLanes(TileStartOp op, OpBuilder &b) {
  MemRefType o = op.getO().getType();
  RowCode c(b, op.getLoc(), op.getLanes(), o.getDimSize(1));
  auto scalar = [&](float value) {
    return arith::ConstantOp::create(b, c.loc, b.getF32FloatAttr(value));
  };
  Value lowest = scalar(std::numeric_limits<float>::lowest()),
        log2e = scalar(1.44269504f);
  for (int64_t r = 0; r < o.getDimSize(0); ++r) {
    Value at = c.index(r), start = lowest;
    if (Value sinks = op.getSinks()) {
      int64_t group = cast<MemRefType>(sinks.getType()).getDimSize(0);
      start = c.mul(
          c.loadScalar(sinks, c.remIndex(c.addIndex(op.getRow(), r), group)),
          log2e);
    }
    c.storeScalar(start, op.getM(), at);
    c.storeScalar(start, op.getMx(), at);
    c.storeScalar(scalar(op.getSinks() ? 1 : 0), op.getL(), at);
    for (int64_t d = 0; d < o.getDimSize(1); d += c.lanes)
      c.store(c.constant(0), op.getO(), {at, c.index(d)});
  }
}

namespace {
/// S = Q K^T for vectors of keys: blocks of keys by features are transposed in
/// registers.
class RowScores {
public:
  RowScores(TileScoresOp op, OpBuilder &b)
      : op(op),
        c(b, op.getLoc(), op.getLanes(), op.getK().getType().getDimSize(1)),
        rows(rowsOf(op.getQt())) {}

  LogicalResult build() {
    for (int64_t r = 0; r < rows; ++r) {
      SmallVector<std::pair<unsigned, Value>> early;
      if (op.getPositions()) {
        Value q = c.loadScalar(op.getPositions(), c.index(r));
        early.push_back(
            {0, arith::IndexCastOp::create(c.b, c.loc, c.b.getIndexType(), q)});
      }
      auto prepare = [&](Region &region, SmallVector<LaneRegion> &rules,
                         ArrayRef<unsigned> late, unsigned q) {
        if (region.empty())
          return success();
        if (!early.empty())
          early[0].first = q;
        return rules.emplace_back(region, late, c.lanes).prepare(c.b, early);
      };
      if (failed(prepare(op.getMap(), maps, {0, 2}, 1)) ||
          failed(prepare(op.getMask(), masks, {1}, 0)))
        return failure();
    }
    Value lowest = c.constant(-std::numeric_limits<float>::infinity());
    bool failedRule = false;
    TileCode::Values maxima = c.loop(
        c.index(0), op.getCount(), c.lanes, TileCode::Values(rows, lowest),
        [&](Value key, ValueRange carried) {
          TileCode::Values scores = products(key), next;
          Value kv = positions(key),
                exists = lanesBefore(c.subIndex(op.getCount(), key));
          for (int64_t r = 0; r < rows; ++r) {
            Value score = scores[r], allowed = exists;
            if (!maps.empty())
              failedRule |= failed(apply(maps[r], {score, kv}, score));
            if (Value mask; !masks.empty()) {
              failedRule |= failed(apply(masks[r], {kv}, mask));
              allowed = mask ? arith::AndIOp::create(c.b, c.loc, exists, mask)
                                   .getResult()
                             : exists;
            }
            score = c.select(allowed, score, lowest);
            c.store(score, op.getS(), {c.index(r), key});
            next.push_back(c.max(carried[r], score));
          }
          return next;
        });
    for (int64_t r = 0; r < rows; ++r) {
      Value highest = c.reduce(vector::CombiningKind::MAXNUMF, maxima[r]);
      c.storeScalar(c.max(c.loadScalar(op.getMx(), c.index(r)), highest),
                    op.getMx(), c.index(r));
    }
    return success(!failedRule);
  }

private:
  LogicalResult apply(LaneRegion &rule, ArrayRef<Value> late, Value &result) {
    FailureOr<Value> value = rule.evaluate(c.b, late);
    if (succeeded(value))
      result = *value;
    return value;
  }

  Value inLanes(Value number) {
    return c.broadcast(
        arith::IndexCastOp::create(c.b, c.loc, c.b.getI32Type(), number));
  }
  /// kv of each lane; lanes past the last key repeat it.
  Value positions(Value key) {
    Value kv = arith::AddIOp::create(
        c.b, c.loc, inLanes(c.addIndex(op.getFrom(), key)), c.iota());
    return arith::MinSIOp::create(c.b, c.loc, kv, inLanes(lastKey()));
  }
  Value lanesBefore(Value count) {
    return arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt,
                                 c.iota(), inLanes(count));
  }
  Value lastKey() {
    return c.addIndex(c.addIndex(op.getFrom(), op.getCount()), -1);
  }

  /// Scores of the vector of keys from + key …, one vector a row.
  TileCode::Values products(Value key) {
    TileCode::Values keys, later;
    Value first = c.addIndex(op.getFrom(), key), last = lastKey();
    for (int64_t i = 0; i < c.lanes; ++i) {
      keys.push_back(c.minIndex(c.addIndex(first, i), last));
      later.push_back(c.inside(op.getK(), c.addIndex(first, 2 * c.lanes + i)));
    }
    // Several sums a row, or the latency of the FMA bounds a few rows.
    int64_t sets = std::max<int64_t>(1, 8 / rows);
    auto block = [&](Value d, int64_t features, ValueRange carried) {
      TileCode::Values sums = llvm::to_vector_of<Value>(carried), columns;
      // A few at a time: more than the core can have under way stall it.
      for (Value kv : later)
        c.prefetch(op.getK(), {kv, d}, c.L1);
      for (Value kv : keys)
        columns.push_back(c.loadVector(op.getK(), {kv, d}, features < c.lanes));
      transpose(c, columns);
      for (int64_t i = 0; i < features; ++i)
        for (int64_t r = 0; r < rows; ++r) {
          Value q = c.broadcast(
              c.loadScalar(op.getQt(), {c.index(r), c.addIndex(d, i)}));
          Value &sum = sums[i % sets * rows + r];
          sum = c.fma(columns[i], q, sum);
        }
      return sums;
    };
    int64_t whole = c.wholeVectors() * c.lanes;
    TileCode::Values sums = c.loop(c.index(0), c.index(whole), c.lanes,
                                   TileCode::Values(sets * rows, c.constant(0)),
                                   [&](Value d, ValueRange carried) {
                                     return block(d, c.lanes, carried);
                                   });
    if (whole < c.head)
      sums = block(c.index(whole), c.head - whole, sums);
    for (int64_t set = 1; set < sets; ++set)
      for (int64_t r = 0; r < rows; ++r)
        sums[r] = c.add(sums[r], sums[set * rows + r]);
    sums.truncate(rows);
    return sums;
  }

  TileScoresOp op;
  RowCode c;
  int64_t rows;
  SmallVector<LaneRegion> maps, masks;
};
} // namespace

LogicalResult lowerKeysInLanes(TileScoresOp op, OpBuilder &b) {
  return RowScores(op, b).build();
}

void lowerKeysInLanes(TileSoftmaxOp op, OpBuilder &b) {
  RowCode c(b, op.getLoc(), op.getLanes(), 0);
  int64_t rows = rowsOf(op.getS());
  TileCode::Values highest, vectors;
  for (int64_t r = 0; r < rows; ++r) {
    highest.push_back(c.loadScalar(op.getMx(), c.index(r)));
    vectors.push_back(c.broadcast(highest[r]));
  }
  TileCode::Values sums = c.loop(
      c.index(0), op.getCount(), c.lanes, TileCode::Values(rows, c.constant(0)),
      [&](Value key, ValueRange carried) {
        TileCode::Values next;
        for (int64_t r = 0; r < rows; ++r) {
          Value score = c.load(op.getS(), {c.index(r), key});
          Value weight =
              vecmath::exp2NonPositive(b, c.loc, c.sub(score, vectors[r]));
          c.store(weight, op.getS(), {c.index(r), key});
          next.push_back(c.add(carried[r], weight));
        }
        return next;
      });
  for (int64_t r = 0; r < rows; ++r) {
    Value at = c.index(r),
          alpha = c.exp2(c.sub(c.loadScalar(op.getM(), at), highest[r]));
    c.storeScalar(alpha, op.getAlpha(), at);
    c.storeScalar(highest[r], op.getM(), at);
    Value sum = c.reduce(vector::CombiningKind::ADD, sums[r]);
    c.storeScalar(c.fma(c.loadScalar(op.getL(), at), alpha, sum), op.getL(),
                  at);
  }
}

void lowerKeysInLanes(TileCombineOp op, OpBuilder &b) {
  RowCode c(b, op.getLoc(), op.getLanes(), op.getV().getType().getDimSize(1));
  int64_t rows = rowsOf(op.getO()),
          width = std::max<int64_t>(1, op.getHeadTile() / c.lanes);
  for (int64_t first = 0; first < c.allVectors(); first += width) {
    int64_t vectors = std::min(width, c.allVectors() - first);
    TileCode::Values zeros(rows * vectors, c.constant(0));
    TileCode::Values sums = c.loop(
        c.index(0), op.getCount(), 1, zeros,
        [&](Value key, ValueRange carried) {
          TileCode::Values next = llvm::to_vector_of<Value>(carried), values;
          Value kv = c.addIndex(op.getFrom(), key);
          Value later = c.inside(op.getV(), c.addIndex(kv, 4 * c.lanes));
          for (int64_t d = 0; first == 0 && d < c.head; d += c.kLine)
            c.prefetch(op.getV(), {later, c.index(d)}, c.L1);
          for (int64_t v = 0; v < vectors; ++v)
            values.push_back(c.loadVector(op.getV(),
                                          {kv, c.index((first + v) * c.lanes)},
                                          first + v == c.wholeVectors()));
          for (int64_t r = 0; r < rows; ++r) {
            Value weight =
                c.broadcast(c.loadScalar(op.getP(), {c.index(r), key}));
            for (int64_t v = 0; v < vectors; ++v)
              next[r * vectors + v] =
                  c.fma(weight, values[v], next[r * vectors + v]);
          }
          return next;
        });
    for (int64_t r = 0; r < rows; ++r) {
      Value alpha = c.broadcast(c.loadScalar(op.getAlpha(), c.index(r)));
      for (int64_t v = 0; v < vectors; ++v) {
        Value at[] = {c.index(r), c.index((first + v) * c.lanes)};
        c.store(c.fma(c.load(op.getO(), at), alpha, sums[r * vectors + v]),
                op.getO(), at);
      }
    }
  }
}

void lowerKeysInLanes(TileStoreOp op, OpBuilder &b) {
  MemRefType out = op.getOut().getType();
  RowCode c(b, op.getLoc(), op.getLanes(), out.getDimSize(2));
  Value zero = c.constant(0);
  for (int64_t r = 0; r < rowsOf(op.getO()); ++r)
    scf::IfOp::create(
        b, c.loc, c.lessIndex(c.index(r), op.getRows()),
        [&](OpBuilder &, Location) {
          Value row = c.addIndex(op.getRow(), r),
                sum = c.broadcast(c.loadScalar(op.getL(), c.index(r)));
          Value query = c.divIndex(row, out.getDimSize(1)),
                grouped = c.remIndex(row, out.getDimSize(1));
          Value isEmpty = c.compare(arith::CmpFPredicate::OEQ, sum, zero);
          Value inverse = c.select(isEmpty, zero, c.div(c.constant(1), sum));
          for (int64_t v = 0; v < c.allVectors(); ++v) {
            Value d = c.index(v * c.lanes);
            c.storeVector(c.mul(c.load(op.getO(), {c.index(r), d}), inverse),
                          op.getOut(), {query, grouped, d},
                          v == c.wholeVectors());
          }
          scf::YieldOp::create(b, c.loc);
        });
}

} // namespace heed::attn
