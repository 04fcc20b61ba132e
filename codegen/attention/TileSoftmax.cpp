//===- TileSoftmax.cpp - The online softmax and the second product --------===//
#include "codegen/Pairs.h"
#include "codegen/VectorMath.h"
#include "codegen/attention/TileAmx.h"
#include "codegen/attention/ValuePanels.h"

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

/// The softmax of the rows in the vectors that begin at `columns`.
static void softmaxOf(TileSoftmaxOp op, const TileCode &c,
                      ArrayRef<Value> columns) {
  int64_t vectors = columns.size(), keyTile = op.getKeyTile();
  // Several keys at once hide the latency of the polynomial.
  int64_t unroll = keyTile % 4 == 0 ? 4 : keyTile % 2 == 0 ? 2 : 1;
  TileCode::Values alpha, maxima, zeros(vectors, c.constant(0));
  Value scale;
  if (op.getScale())
    scale = c.constant(op.getScale()->convertToDouble());
  for (auto [v, at] : llvm::enumerate(columns)) {
    maxima.push_back(c.load(op.getMx(), at));
    Value before = c.load(op.getM(), at), grown = c.sub(before, maxima[v]);
    if (scale)
      grown = c.mul(grown, scale);
    // 0 says that nothing was summed, by the mask alone: how a tile sums what
    // follows depends on it, and other rows' scores must change no bit.
    Value begins = c.compare(arith::CmpFPredicate::OEQ, before,
                             c.constant(std::numeric_limits<float>::lowest()));
    Value factor = c.max(vecmath::exp2NonPositive(c.b, c.loc, grown),
                         c.constant(std::numeric_limits<float>::min()));
    alpha.push_back(c.select(begins, c.constant(0), factor));
    c.store(alpha[v], op.getAlpha(), at);
    c.store(maxima[v], op.getM(), at);
    if (scale) // of one fma with a score
      maxima[v] =
          c.mul(maxima[v], c.constant(-op.getScale()->convertToDouble()));
  }
  Value rounded = c.mulIndex(
      c.divIndex(c.addIndex(op.getCount(), keyTile - 1), keyTile), keyTile);
  // Two sums a vector, and keys are added among themselves first: one chain as
  // long as the block would lose digits.
  if (!op.getP())
    zeros.append(vectors, c.constant(0));
  auto turn = [&](Value key, ValueRange carried) {
    TileCode::Values next = llvm::to_vector_of<Value>(carried),
                     added(2 * vectors), weights;
    for (int64_t k = 0; k < unroll; ++k) {
      Value row = c.addIndex(key, k);
      for (auto [v, at] : llvm::enumerate(columns)) {
        Value s = c.load(op.getS(), {row, at});
        Value x = scale ? c.fma(s, scale, maxima[v]) : c.sub(s, maxima[v]);
        if (op.getP()) {
          weights.push_back(vecmath::exp2NonPositiveCoarse(c.b, c.loc, x));
          continue;
        }
        Value weight = vecmath::exp2NonPositive(c.b, c.loc, x);
        c.store(weight, op.getS(), {row, at});
        Value &sum = added[k % 2 * vectors + v];
        sum = sum ? c.add(sum, weight) : weight;
      }
    }
    if (op.getP())
      storePairs(op, c, key, weights, next);
    for (auto [sum, more] : llvm::zip(next, added))
      sum = more ? c.add(sum, more) : sum;
    return next;
  };
  auto sumOf = [&](Value from, Value to) {
    return c.loop(from, to, unroll, zeros, turn);
  };
  // All outputs of a row share the error of its sum.
  TileCode::Values sums =
      op.getP() ? sumOf(c.index(0), rounded)
                : c.loop(c.index(0), rounded, kFirstChain, zeros,
                         [&](Value from, ValueRange carried) {
                           Value to = c.minIndex(c.addIndex(from, kFirstChain),
                                                 rounded);
                           TileCode::Values next = sumOf(from, to);
                           for (auto [sum, before] : llvm::zip(next, carried))
                             sum = c.add(before, sum);
                           return next;
                         });
  for (int64_t v = 0; !op.getP() && v < vectors; ++v)
    sums[v] = c.add(sums[v], sums[vectors + v]);
  for (auto [v, at] : llvm::enumerate(columns))
    c.store(c.fma(c.load(op.getL(), at), alpha[v], sums[v]), op.getL(), at);
}

void lowerTile(TileSoftmaxOp op, OpBuilder &b) {
  TileCode c(b, op.getLoc(), op.getLanes());
  int64_t rows = op.getM().getType().getDimSize(0);
  // 16 registers hold the constants and one vector's sums.
  if (c.lanes < 16) {
    c.loop(c.index(0), c.index(rows), c.lanes, {}, [&](Value at, ValueRange) {
      softmaxOf(op, c, at);
      return TileCode::Values();
    });
    return;
  }
  TileCode::Values columns;
  for (int64_t at = 0; at < rows; at += c.lanes)
    columns.push_back(c.index(at));
  softmaxOf(op, c, columns);
}

/// Whether the sum of some row begins with this block.
static Value someSumBegins(const TileCode &c, Value alpha) {
  int64_t rows = cast<MemRefType>(alpha.getType()).getDimSize(0);
  Value smallest = c.load(alpha, c.index(0));
  for (int64_t v = c.lanes; v < rows; v += c.lanes)
    smallest = c.min(smallest, c.load(alpha, c.index(v)));
  Value least = vector::ReductionOp::create(
      c.b, c.loc, vector::CombiningKind::MINNUMF, smallest,
      arith::FastMathFlags::nnan | arith::FastMathFlags::nsz);
  Value zero = arith::ConstantOp::create(c.b, c.loc, c.b.getF32FloatAttr(0));
  return c.compare(arith::CmpFPredicate::OEQ, least, zero);
}

/// O^T = V^T P^T: a register tile of `features` features by all rows, from
/// feature d, in chains of at most `chain` keys, `ways` of them side by side.
/// Each key asks for the one a block later.
static void combineTile(TileCombineOp op, const TileCode &c, Value d,
                        int64_t features, Value chain, int64_t ways) {
  int64_t vectors = op.getO().getType().getDimSize(1) / c.lanes,
          size = features * vectors, block = op.getP().getType().getDimSize(0);
  Value later = c.addIndex(op.getFrom(), block);
  TileCode::Values zeros(ways * size, c.constant(0)), columns;
  // Where the features of key `from` lie.
  SmallVector<std::pair<Value, Value>> values;
  for (int64_t f = 0; f < features; ++f) {
    columns.push_back(c.addIndex(d, f));
    values.push_back({op.getFrom(), columns[f]});
    if (!c.isBlock(op.getV()))
      continue;
    int64_t head = op.getO().getType().getDimSize(0);
    auto [first, column] =
        ValuePanels(c, op.getV(), head).at(d, f, op.getHeadTile());
    values[f] = {c.addIndex(first, op.getFrom()), column};
  }
  auto addKey = [&](Value key, MutableArrayRef<Value> sums) {
    TileCode::Values weights;
    for (int64_t v = 0; v < vectors; ++v)
      weights.push_back(c.load(op.getP(), {key, c.index(v * c.lanes)}));
    if (!c.isBlock(op.getV()))
      c.prefetch(op.getV(), {c.addIndex(later, key), d});
    for (int64_t f = 0; f < features; ++f) {
      auto [first, column] = values[f];
      Value element = c.broadcast(
          c.loadScalar(op.getV(), {c.addIndex(first, key), column}));
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[f * vectors + v];
        sum = c.fma(element, weights[v], sum);
      }
    }
  };
  Value step = c.mulIndex(chain, ways);
  c.loop(c.index(0), op.getCount(), step, {}, [&](Value first, ValueRange) {
    Value end = c.minIndex(c.addIndex(first, step), op.getCount()),
          each = c.divIndex(c.subIndex(end, first), ways);
    auto addKeys = [&](Value from, Value to, int64_t chainsOfLoop,
                       TileCode::Values start) {
      return c.loop(from, to, 1, start, [&](Value key, ValueRange carried) {
        TileCode::Values sums = llvm::to_vector_of<Value>(carried);
        for (int64_t way = 0; way < chainsOfLoop; ++way)
          addKey(way ? c.addIndex(key, c.mulIndex(each, way)) : key,
                 MutableArrayRef(sums).slice(way * size, size));
        return sums;
      });
    };
    TileCode::Values sums = zeros;
    if (ways > 1) {
      sums = addKeys(first, c.addIndex(first, each), ways, sums);
      sums = addKeys(c.addIndex(first, c.mulIndex(each, ways)), end, 1, sums);
      for (int64_t i = size; i < ways * size; ++i)
        sums[i % size] = c.add(sums[i % size], sums[i]);
    } else {
      sums = addKeys(first, end, 1, sums);
    }
    // What was there before is scaled once.
    Value isFirst = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::eq,
                                          first, c.index(0));
    for (int64_t v = 0; v < vectors; ++v) {
      Value at = c.index(v * c.lanes);
      Value alpha = c.select(isFirst, c.load(op.getAlpha(), at), c.constant(1));
      for (int64_t f = 0; f < features; ++f)
        c.store(c.fma(c.load(op.getO(), {columns[f], at}), alpha,
                      sums[f * vectors + v]),
                op.getO(), {columns[f], at});
    }
    return TileCode::Values();
  });
}

/// The same tile in pairs of keys, several at once; `from` is even.
static void combinePairs(TileCombineOp op, const TileCode &c, Value d,
                         int64_t features) {
  constexpr int64_t unroll = 4;
  int64_t vectors = op.getO().getType().getDimSize(1) / c.lanes;
  TileCode::Values sums(features * vectors, c.constant(0)), columns;
  for (int64_t f = 0; f < features; ++f)
    columns.push_back(c.addIndex(d, f));
  Pairs pairs{c};
  Value turns = c.divIndex(c.addIndex(op.getCount(), 1), 2),
        from = c.divIndex(op.getFrom(), 2);
  auto turn = [&](Value key, ValueRange carried) {
    TileCode::Values weights, next;
    for (int64_t v = 0; v < vectors; ++v)
      weights.push_back(pairs.load(op.getP(), {key, c.index(2 * v * c.lanes)}));
    Value row = c.addIndex(from, key);
    for (int64_t f = 0; f < features; ++f) {
      Value pair = pairs.broadcast(op.getV(), {row, c.mulIndex(columns[f], 2)});
      for (int64_t v = 0; v < vectors; ++v)
        next.push_back(pairs.dot(carried[f * vectors + v], pair, weights[v]));
    }
    return next;
  };
  Value whole = c.subIndex(turns, c.remIndex(turns, unroll));
  sums = c.loop(c.index(0), whole, unroll, sums,
                [&](Value key, ValueRange carried) {
                  TileCode::Values next = llvm::to_vector_of<Value>(carried);
                  for (int64_t i = 0; i < unroll; ++i)
                    next = turn(c.addIndex(key, i), next);
                  return next;
                });
  sums = c.loop(whole, turns, 1, sums, turn);
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
  Value chain;
  if (!op.getAtom()) {
    int64_t block = op.getP().getType().getDimSize(0);
    auto atLeast = [&](int64_t keys) { // in equal chains
      return c.index(
          llvm::divideCeil(block, std::max<int64_t>(block / keys, 1)));
    };
    // The worst of more features is worse.
    int64_t few = head > 128 ? kFirstChain / 2 : kFirstChain;
    // Strips see the ends of blocks first.
    int64_t shorter = c.isBlock(op.getV()) ? few + few / 3 : 2 * few;
    if (op->hasAttr(kOftenBegins))
      shorter = few;
    chain =
        c.select(someSumBegins(c, op.getAlpha()), atLeast(few),
                 op->hasAttr(kShortChains) ? atLeast(shorter) : c.index(block));
  }
  auto tile = [&](Value d, int64_t features, int64_t ways) {
    if (op.getAtom())
      combinePairs(op, c, d, features);
    else
      combineTile(op, c, d, features, chain, ways);
  };
  c.loop(c.index(0), c.index(whole), headTile, {}, [&](Value d, ValueRange) {
    tile(d, headTile, 1);
    return TileCode::Values();
  });
  // With one chain for each, few features would wait for their sums.
  if (whole < head)
    tile(c.index(whole), head - whole, (head - whole) * 2 <= headTile ? 2 : 1);
}

} // namespace heed::attn
