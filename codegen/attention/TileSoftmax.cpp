//===- TileSoftmax.cpp - The online softmax and the second product --------===//
#include "codegen/Pairs.h"
#include "codegen/VectorMath.h"
#include "codegen/attention/TileAmx.h"

#include <limits>

using namespace mlir;

namespace heed::attn {

void lowerTile(TileStartOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  MemRefType tile = op.getO().getType();
  int64_t rows = tile.getDimSize(1);
  Value zero = c.constant(0);
  for (int64_t v = 0; v < rows; v += c.lanes) {
    if (!op.getSinks()) {
      Value lowest = c.constant(std::numeric_limits<float>::lowest());
      c.store(lowest, op.getM(), c.index(v));
      c.store(lowest, op.getMx(), c.index(v));
    }
    c.store(op.getSinks() ? c.constant(1) : zero, op.getL(), c.index(v));
  }
  if (op.getSinks()) {
    int64_t group = cast<MemRefType>(op.getSinks().getType()).getDimSize(0);
    Value log2e =
        arith::ConstantOp::create(b, c.loc, b.getF32FloatAttr(1.44269504f));
    c.loop(c.index(0), c.index(rows), 1, {}, [&](Value lane, ValueRange) {
      Value sink = c.loadScalar(
          op.getSinks(), c.remIndex(c.addIndex(op.getRow(), lane), group));
      Value scaled = c.mul(sink, log2e);
      memref::StoreOp::create(b, c.loc, scaled, op.getM(), lane);
      memref::StoreOp::create(b, c.loc, scaled, op.getMx(), lane);
      return TileCode::Values();
    });
  }
  c.loop(c.index(0), c.index(tile.getDimSize(0)), 1, {},
         [&](Value d, ValueRange) {
           for (int64_t v = 0; v < rows; v += c.lanes)
             c.store(zero, op.getO(), {d, c.index(v)});
           return TileCode::Values();
         });
}

/// Weights of an even number of keys, rows of vectors, as pairs of keys; what
/// is stored is added to the sums.
static void storePairs(TileSoftmaxOp op, const TileCode &c, Value key,
                       ArrayRef<Value> weights, TileCode::Values &sums) {
  int64_t vectors = op.getM().getType().getDimSize(0) / c.lanes,
          count = weights.size() / vectors;
  Value first = c.divIndex(key, 2);
  for (int64_t k = 0; k < count; k += 2)
    for (int64_t v = 0; v < vectors; ++v) {
      Pairs pairs{c};
      Value pair =
          pairs.of(weights[k * vectors + v], weights[(k + 1) * vectors + v]);
      pairs.store(pair, op.getP(),
                  {c.addIndex(first, k / 2), c.index(2 * v * c.lanes)});
      sums[v] = pairs.dot(sums[v], pair, pairs.ones());
    }
}

void lowerTile(TileSoftmaxOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  int64_t vectors = op.getM().getType().getDimSize(0) / c.lanes,
          keyTile = op.getKeyTile();
  // Several keys at once hide the latency of the polynomial.
  int64_t unroll = keyTile % 4 == 0 ? 4 : keyTile % 2 == 0 ? 2 : 1;
  TileCode::Values alpha, maxima, zeros(vectors, c.constant(0));
  Value scale;
  if (op.getScale())
    scale = c.constant(op.getScale()->convertToDouble());
  for (int64_t v = 0; v < vectors; ++v) {
    Value at = c.index(v * c.lanes);
    maxima.push_back(c.load(op.getMx(), at));
    Value grown = c.sub(c.load(op.getM(), at), maxima[v]);
    if (scale)
      grown = c.mul(grown, scale);
    alpha.push_back(vecmath::exp2NonPositive(b, c.loc, grown));
    c.store(alpha[v], op.getAlpha(), at);
    c.store(maxima[v], op.getM(), at);
    if (scale) // of one fma with a score
      maxima[v] =
          c.mul(maxima[v], c.constant(-op.getScale()->convertToDouble()));
  }
  Value rounded = c.mulIndex(
      c.divIndex(c.addIndex(op.getCount(), keyTile - 1), keyTile), keyTile);
  TileCode::Values sums = c.loop(
      c.index(0), rounded, unroll, zeros, [&](Value key, ValueRange carried) {
        TileCode::Values next = llvm::to_vector_of<Value>(carried);
        TileCode::Values weights;
        for (int64_t k = 0; k < unroll; ++k) {
          Value row = c.addIndex(key, k);
          for (int64_t v = 0; v < vectors; ++v) {
            Value at = c.index(v * c.lanes);
            Value s = c.load(op.getS(), {row, at});
            Value x = scale ? c.fma(s, scale, maxima[v]) : c.sub(s, maxima[v]);
            if (op.getP()) {
              weights.push_back(vecmath::exp2NonPositiveCoarse(b, c.loc, x));
              continue;
            }
            Value weight = vecmath::exp2NonPositive(b, c.loc, x);
            c.store(weight, op.getS(), {row, at});
            next[v] = c.add(next[v], weight);
          }
        }
        if (op.getP())
          storePairs(op, c, key, weights, next);
        return next;
      });
  for (int64_t v = 0; v < vectors; ++v) {
    Value at = c.index(v * c.lanes);
    c.store(c.fma(c.load(op.getL(), at), alpha[v], sums[v]), op.getL(), at);
  }
}

/// O^T = V^T P^T: a register tile of `features` features by all rows, from
/// feature d.
static void combineTile(TileCombineOp op, const TileCode &c, Value d,
                        int64_t features) {
  int64_t vectors = op.getO().getType().getDimSize(1) / c.lanes;
  TileCode::Values zeros(features * vectors, c.constant(0)), columns;
  for (int64_t f = 0; f < features; ++f)
    columns.push_back(c.addIndex(d, f));
  // Keys one by one; or in pairs, several at once: `from` is even then.
  bool inPairs = op.getAtom().has_value();
  Pairs pairs{c};
  Value turns = inPairs ? c.divIndex(c.addIndex(op.getCount(), 1), 2)
                        : Value(op.getCount()),
        from = inPairs ? c.divIndex(op.getFrom(), 2) : Value(op.getFrom());
  auto turn = [&](Value key, ValueRange carried) {
    TileCode::Values weights, next;
    for (int64_t v = 0; v < vectors; ++v)
      weights.push_back(
          inPairs ? pairs.load(op.getP(), {key, c.index(2 * v * c.lanes)})
                  : c.load(op.getP(), {key, c.index(v * c.lanes)}));
    Value row = c.addIndex(from, key);
    for (int64_t f = 0; f < features; ++f) {
      Value element =
          inPairs ? pairs.broadcast(op.getV(), {row, c.mulIndex(columns[f], 2)})
                  : c.broadcast(c.loadScalar(op.getV(), {row, columns[f]}));
      for (int64_t v = 0; v < vectors; ++v) {
        Value sum = carried[f * vectors + v];
        next.push_back(inPairs ? pairs.dot(sum, element, weights[v])
                               : c.fma(element, weights[v], sum));
      }
    }
    return next;
  };
  TileCode::Values sums = zeros;
  Value done = c.index(0);
  if (int64_t unroll = 4; inPairs) {
    Value whole = c.subIndex(turns, c.remIndex(turns, unroll));
    sums =
        c.loop(done, whole, unroll, sums, [&](Value key, ValueRange carried) {
          TileCode::Values next = llvm::to_vector_of<Value>(carried);
          for (int64_t i = 0; i < unroll; ++i)
            next = turn(c.addIndex(key, i), next);
          return next;
        });
    done = whole;
  }
  sums = c.loop(done, turns, 1, sums, turn);
  for (int64_t v = 0; v < vectors; ++v) {
    Value at = c.index(v * c.lanes), alpha = c.load(op.getAlpha(), at);
    for (int64_t f = 0; f < features; ++f)
      c.store(c.fma(c.load(op.getO(), {columns[f], at}), alpha,
                    sums[f * vectors + v]),
              op.getO(), {columns[f], at});
  }
}

void lowerTile(TileCombineOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  if (op.getAtom() == kAmx)
    return amxCombine(op, c);
  int64_t head = op.getO().getType().getDimSize(0), headTile = op.getHeadTile(),
          whole = head - head % headTile;
  c.loop(c.index(0), c.index(whole), headTile, {}, [&](Value d, ValueRange) {
    combineTile(op, c, d, headTile);
    return TileCode::Values();
  });
  if (whole < head)
    combineTile(op, c, c.index(whole), head - whole);
}

} // namespace heed::attn
