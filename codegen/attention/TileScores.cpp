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
    if (parts() > 1) {
      begins = isDeep() ? yes() : someRowBegins();
      sumFirstParts();
    }
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
  /// Features summed in one chain.
  int64_t chainLength() const { return depth > 64 ? 64 : 32; }
  /// So many features are never summed in one chain.
  bool isDeep() const { return depth > 128; }

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
    TileCode::Values scores = onTiles        ? stored(key)
                              : op.getAtom() ? pairProducts(rows)
                                             : products(key, rows);
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

  /// Whether some row has no score yet: only rows of few keys show the error of
  /// single scores.
  Value someRowBegins() {
    Value lowest = c.load(op.getMx(), c.index(0));
    for (int64_t v = 1; v < vectors; ++v)
      lowest = c.min(lowest, c.load(op.getMx(), c.index(v * c.lanes)));
    Value least = vector::ReductionOp::create(
        c.b, c.loc, vector::CombiningKind::MINNUMF, lowest,
        arith::FastMathFlags::nnan | arith::FastMathFlags::nsz);
    Value start = arith::ConstantOp::create(
        c.b, c.loc, c.b.getF32FloatAttr(std::numeric_limits<float>::lowest()));
    return c.compare(arith::CmpFPredicate::OEQ, least, start);
  }

  //===--- f32: a long sum in one chain loses digits: where that shows, the
  // features are summed in equal parts, which meet in S ---===//

  int64_t parts() {
    return op.getAtom() ? 1 : llvm::divideCeil(depth, chainLength());
  }
  int64_t part() { return llvm::divideCeil(depth, parts()); }
  int64_t lastPart() { return (parts() - 1) * part(); }

  /// All parts but the last.
  void sumFirstParts() {
    scf::IfOp::create(c.b, c.loc, begins, [&](OpBuilder &, Location) {
      Value last = c.addIndex(op.getCount(), -1);
      c.loop(c.index(0), op.getCount(), keyTile, {},
             [&](Value key, ValueRange) {
               TileCode::Values keys;
               for (int64_t k = 0; k < keyTile; ++k)
                 keys.push_back(c.addIndex(
                     op.getFrom(), c.minIndex(c.addIndex(key, k), last)));
               for (auto [i, sum] :
                    llvm::enumerate(chain(keys, c.index(0), c.index(part()))))
                 storeScore(sum, key, i);
               if (parts() > 2)
                 c.loop(c.index(part()), c.index(lastPart()), part(), {},
                        [&](Value d, ValueRange) {
                          TileCode::Values sums =
                              chain(keys, d, c.addIndex(d, part()));
                          for (auto [i, sum] : llvm::enumerate(sums))
                            storeScore(c.add(loadScore(key, i), sum), key, i);
                          return TileCode::Values();
                        });
               return TileCode::Values();
             });
      scf::YieldOp::create(c.b, c.loc);
    });
  }

  Value yes() {
    return arith::ConstantOp::create(c.b, c.loc, c.b.getBoolAttr(true));
  }
  Value loadScore(Value key, int64_t i) {
    return c.load(op.getS(), {c.addIndex(key, i / vectors),
                              c.index(i % vectors * c.lanes)});
  }
  void storeScore(Value score, Value key, int64_t i) {
    c.store(score, op.getS(),
            {c.addIndex(key, i / vectors), c.index(i % vectors * c.lanes)});
  }

  /// Scores of keyTile x vectors of the keys `key` … of the block, before any
  /// rule; `keys` are their numbers.
  TileCode::Values products(Value key, ArrayRef<Value> keys) {
    if (parts() == 1)
      return chain(keys, c.index(0), c.index(depth));
    TileCode::Values sums =
        chain(keys, c.select(begins, c.index(lastPart()), c.index(0)),
              c.index(depth));
    Value all = vector::BroadcastOp::create(
        c.b, c.loc, VectorType::get(c.lanes, c.b.getI1Type()), begins);
    for (auto [i, sum] : llvm::enumerate(sums))
      sum = c.select(all, c.add(sum, loadScore(key, i)), sum);
    return sums;
  }

  /// Where keys lie in K.
  TileCode::Values rowsOf(ArrayRef<Value> keys) {
    TileCode::Values rows(keys);
    if (op.getBase())
      for (Value &row : rows)
        row = c.subIndex(row, op.getBase());
    return rows;
  }

  /// The sums over the features from `begin` to `end`. Each feature asks for a
  /// line of the keys one block later.
  TileCode::Values chain(ArrayRef<Value> keys, Value begin, Value end) {
    int64_t block = op.getS().getType().getDimSize(0);
    TileCode::Values rows = rowsOf(keys),
                     zeros(keyTile * vectors, c.constant(0));
    Value later = c.addIndex(rows[0], block);
    return c.loop(begin, end, 1, zeros, [&](Value d, ValueRange sums) {
      TileCode::Values q, next;
      c.prefetch(op.getK(), {c.addIndex(later, c.remIndex(d, keyTile)), d});
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

  //===--- bf16 ---===//

  /// Scores of keyTile x vectors that the tiles left in s.
  TileCode::Values stored(Value key) {
    TileCode::Values scores;
    for (int64_t i = 0; i < keyTile * vectors; ++i)
      scores.push_back(loadScore(key, i));
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

  /// Half as many turns as in f32: several at once, so that the loop's ends
  /// stay a small part.
  TileCode::Values pairProducts(ArrayRef<Value> keys) {
    Pairs pairs{c};
    TileCode::Values rows = rowsOf(keys),
                     zeros(keyTile * vectors, c.constant(0));
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
  Value lowest, begins;
  bool failedRule = false;
};
} // namespace

LogicalResult lowerTile(TileScoresOp op, OpBuilder &b) {
  return ScoresCode(op, b).build();
}

} // namespace heed::attn
