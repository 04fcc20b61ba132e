//===- TileScores.cpp - The first product, the score rule and the mask ----===//
//
// S^T = K Q^T: a register tile is key_tile keys by all rows of the tile, one
// accumulator a key and vector; for each feature the rows' vectors are loaded
// and each key's element is broadcast.
//
//===----------------------------------------------------------------------===//
#include "codegen/Pairs.h"
#include "codegen/attention/LaneRegion.h"
#include "codegen/attention/TileAmx.h"

#include <limits>

using namespace mlir;

namespace heed::attn {

namespace {
class ScoresCode {
public:
  ScoresCode(TileScoresOp op, OpBuilder &b)
      : op(op), c(b, op.getLoc(), op.getLanes()), onTiles(op.getAtom() == kAmx),
        // Scores that lie in memory already take a few keys at a time.
        keyTile(onTiles ? 4 : op.getKeyTile()),
        depth(op.getQt().getType().getDimSize(0)),
        vectors(op.getS().getType().getDimSize(1) / op.getLanes()) {}

  LogicalResult build() {
    if (failed(prepareRules()))
      return failure();
    lowest = c.constant(-std::numeric_limits<float>::infinity());
    if (onTiles)
      amxScores(op, c);
    TileCode::Values maxima;
    for (int64_t v = 0; v < vectors; ++v)
      maxima.push_back(c.load(op.getMx(), c.index(v * c.lanes)));
    Value rest = c.remIndex(op.getCount(), keyTile),
          whole = c.subIndex(op.getCount(), rest);
    maxima = c.loop(c.index(0), whole, keyTile, maxima,
                    [&](Value key, ValueRange carried) {
                      return tile(key, carried, /*isTail=*/false);
                    });
    auto tail = scf::IfOp::create(
        c.b, c.loc, c.lessIndex(c.index(0), rest),
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(c.b, c.loc,
                               tile(whole, maxima, /*isTail=*/true));
        },
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(c.b, c.loc, maxima);
        });
    for (int64_t v = 0; v < vectors; ++v)
      c.store(tail.getResult(v), op.getMx(), c.index(v * c.lanes));
    if (onTiles)
      fillTail();
    return success(!failedRule);
  }

private:
  /// One LaneRegion for each vector of rows: q differs between them.
  LogicalResult prepareRules() {
    for (int64_t v = 0; v < vectors; ++v) {
      Value q =
          op.getPositions()
              ? vector::LoadOp::create(c.b, c.loc, c.i32(), op.getPositions(),
                                       ValueRange{c.index(v * c.lanes)})
              : Value();
      auto prepare = [&](Region &region, SmallVector<LaneRegion> &rules,
                         ArrayRef<unsigned> late, unsigned position) {
        if (region.empty())
          return success();
        SmallVector<std::pair<unsigned, Value>> early;
        if (q)
          early.push_back({position, q});
        return rules.emplace_back(region, late, c.lanes).prepare(c.b, early);
      };
      if (failed(prepare(op.getMap(), maps, {0, 2}, 1)) ||
          failed(prepare(op.getMask(), masks, {1}, 0)))
        return failure();
    }
    return success();
  }

  /// A register tile of the keys from + key …; stores it and gives the new
  /// maxima. In a tail, keys past `count` repeat the last one and become
  /// -infinity.
  TileCode::Values tile(Value key, ValueRange maxima, bool isTail) {
    TileCode::Values rows; // of K
    Value last = c.addIndex(op.getCount(), -1);
    for (int64_t k = 0; k < keyTile; ++k) {
      Value row = c.addIndex(key, k);
      rows.push_back(
          c.addIndex(op.getFrom(), isTail ? c.minIndex(row, last) : row));
    }
    TileCode::Values scores = onTiles ? stored(key) : products(rows);
    if (op.getScale())
      for (Value &score : scores)
        score = c.mul(score, c.constant(op.getScale()->convertToDouble()));
    for (int64_t i = 0; !maps.empty() && i < keyTile * vectors; ++i)
      scores[i] = rule(maps[i % vectors], {scores[i], rows[i / vectors]});
    if (!masks.empty())
      scores = masked(rows, scores, isTail);
    TileCode::Values result = llvm::to_vector_of<Value>(maxima);
    for (int64_t k = 0; k < keyTile; ++k) {
      Value row = c.addIndex(key, k);
      Value exists = isTail ? c.lessIndex(row, op.getCount()) : Value();
      for (int64_t v = 0; v < vectors; ++v) {
        Value score = scores[k * vectors + v];
        if (exists)
          score = c.select(exists, score, lowest);
        c.store(score, op.getS(), {row, c.index(v * c.lanes)});
        result[v] = c.max(result[v], score);
      }
    }
    return result;
  }

  /// Scores of keyTile x vectors that the tiles left in s.
  TileCode::Values stored(Value key) {
    TileCode::Values scores;
    for (int64_t k = 0; k < keyTile; ++k)
      for (int64_t v = 0; v < vectors; ++v)
        scores.push_back(
            c.load(op.getS(), {c.addIndex(key, k), c.index(v * c.lanes)}));
    return scores;
  }

  /// -infinity from the last keyTile on, to the whole tile that softmax reads.
  void fillTail() {
    auto whole = [&](int64_t of) {
      return c.mulIndex(c.divIndex(c.addIndex(op.getCount(), of - 1), of), of);
    };
    c.loop(whole(keyTile), whole(op.getKeyTile()), 1, {},
           [&](Value key, ValueRange) {
             for (int64_t v = 0; v < vectors; ++v)
               c.store(lowest, op.getS(), {key, c.index(v * c.lanes)});
             return TileCode::Values();
           });
  }

  /// Scores of keyTile x vectors, before any rule.
  TileCode::Values products(ArrayRef<Value> keys) {
    TileCode::Values rows(keys), zeros(keyTile * vectors, c.constant(0));
    if (op.getBase())
      for (Value &row : rows)
        row = c.subIndex(row, op.getBase());
    if (op.getAtom())
      return pairProducts(rows, zeros);
    return c.loop(
        c.index(0), c.index(depth), 1, zeros, [&](Value d, ValueRange sums) {
          TileCode::Values q, next;
          for (int64_t v = 0; v < vectors; ++v)
            q.push_back(c.load(op.getQt(), {d, c.index(v * c.lanes)}));
          for (int64_t k = 0; k < keyTile; ++k) {
            Value element = c.broadcast(c.loadScalar(op.getK(), {rows[k], d}));
            for (int64_t v = 0; v < vectors; ++v)
              next.push_back(c.fma(element, q[v], sums[k * vectors + v]));
          }
          return next;
        });
  }

  /// Half as many turns as in f32: several at once, so that the loop's ends
  /// stay a small part.
  TileCode::Values pairProducts(ArrayRef<Value> rows, ValueRange zeros) {
    Pairs pairs{c};
    int64_t unroll = depth % 4 == 0 ? 4 : depth % 2 == 0 ? 2 : 1;
    return c.loop(c.index(0), c.index(depth), unroll, zeros,
                  [&](Value first, ValueRange carried) {
                    TileCode::Values sums = llvm::to_vector_of<Value>(carried);
                    for (int64_t i = 0; i < unroll; ++i) {
                      Value d = c.addIndex(first, i);
                      TileCode::Values q;
                      for (int64_t v = 0; v < vectors; ++v)
                        q.push_back(pairs.load(op.getQt(),
                                               {d, c.index(2 * v * c.lanes)}));
                      for (int64_t k = 0; k < keyTile; ++k) {
                        Value pair = pairs.broadcast(
                            op.getK(), {rows[k], c.mulIndex(d, 2)});
                        for (int64_t v = 0; v < vectors; ++v) {
                          Value &sum = sums[k * vectors + v];
                          sum = pairs.dot(sum, pair, q[v]);
                        }
                      }
                    }
                    return sums;
                  });
  }

  /// -infinity where the mask forbids; a tile inside one of the full ranges
  /// skips the mask.
  TileCode::Values masked(ArrayRef<Value> rows, TileCode::Values scores,
                          bool isTail) {
    auto apply = [&] {
      TileCode::Values result;
      for (int64_t i = 0; i < keyTile * vectors; ++i)
        result.push_back(c.select(rule(masks[i % vectors], {rows[i / vectors]}),
                                  scores[i], lowest));
      return result;
    };
    if (op.getFull().empty() || isTail)
      return apply();
    Value inside;
    for (unsigned i = 0; i < op.getFull().size(); i += 2) {
      Value fits = arith::AndIOp::create(
          c.b, c.loc, c.lessEqualIndex(op.getFull()[i], rows.front()),
          c.lessIndex(rows.back(), op.getFull()[i + 1]));
      inside = inside
                   ? arith::OrIOp::create(c.b, c.loc, inside, fits).getResult()
                   : fits;
    }
    auto branch = scf::IfOp::create(
        c.b, c.loc, inside,
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(c.b, c.loc, scores);
        },
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(c.b, c.loc, apply());
        });
    return llvm::to_vector_of<Value>(branch.getResults());
  }

  Value rule(LaneRegion &region, ArrayRef<Value> late) {
    FailureOr<Value> result = region.evaluate(c.b, late);
    if (succeeded(result))
      return *result;
    failedRule = true; // the op has said why; anything of the right type lets
                       // the building end
    return late.size() == 2
               ? lowest
               : c.compare(arith::CmpFPredicate::AlwaysFalse, lowest, lowest);
  }

  TileScoresOp op;
  TileCode c;
  bool onTiles; // of AMX
  int64_t keyTile, depth, vectors;
  SmallVector<LaneRegion> maps, masks;
  Value lowest;
  bool failedRule = false;
};
} // namespace

LogicalResult lowerTile(TileScoresOp op, OpBuilder &b) {
  return ScoresCode(op, b).build();
}

} // namespace heed::attn
