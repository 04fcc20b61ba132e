//===- TileScores.cpp - The first product, the score rule and the mask ----===//
//
// S^T = K Q^T: a register tile is key_tile keys by all rows of the tile, one
// accumulator a key and vector; for each feature the rows' vectors are loaded
// and each key's element is broadcast.
//
//===----------------------------------------------------------------------===//
#include "codegen/Pairs.h"
#include "codegen/attention/DistanceTerms.h"
#include "codegen/attention/LaneRegion.h"
#include "codegen/attention/TileAmx.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

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
        vectors(op.getS().getType().getDimSize(1) / op.getLanes()),
        ways(parts() > 1 && keyTile % 2 == 0 ? 2 : 1),
        unroll(c.lanes < 16 && vectors > 1 && depth % 4 == 0 ? 4 / ways : 1),
        lines(op, c, DistanceLines::Lanes::Rows) {}

  LogicalResult build() {
    if (failed(prepareRules()) || failed(lines.fill()))
      return failure();
    highest = c.constant(std::numeric_limits<float>::infinity());
    lowest = c.constant(-std::numeric_limits<float>::infinity());
    if (onTiles)
      amxScores(op, c);
    if (parts() > 1)
      cutChains();
    TileCode::Values maxima;
    for (int64_t v = 0; v < vectors; ++v)
      maxima.push_back(c.load(op.getMx(), c.index(v * c.lanes)));
    // The last tile overlaps the one before; keys that fill none come one by
    // one. Scores that are in memory already may be seen once only.
    int64_t keys = keyTile / ways;
    Value count = op.getCount(), tile = c.index(keys);
    Value end = onTiles ? c.subIndex(count, c.remIndex(count, keys))
                        : c.select(c.lessIndex(count, tile), c.index(0), count);
    Value last = c.subIndex(end, tile);
    maxima = c.loop(c.index(0), end, keys, maxima,
                    [&](Value key, ValueRange carried) {
                      return scoreTile(c.minIndex(key, last), keys, carried);
                    });
    maxima = c.loop(end, count, 1, maxima, [&](Value key, ValueRange carried) {
      return scoreTile(key, 1, carried);
    });
    if (!maps.empty())
      maxima = finish(c.index(0), count, maxima);
    for (int64_t v = 0; v < vectors; ++v)
      c.store(maxima[v], op.getMx(), c.index(v * c.lanes));
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
                         ArrayRef<unsigned> late, unsigned position,
                         ArrayRef<Value> terms) {
        if (region.empty())
          return success();
        SmallVector<std::pair<unsigned, Value>> early;
        if (q)
          early.push_back({position, q});
        return rules.emplace_back(region, late, c.lanes, Value(), terms)
            .prepare(c.b, early);
      };
      if (failed(prepare(op.getMap(), maps, {0, 2}, 1, lines.terms())) ||
          failed(prepare(op.getMask(), masks, {1}, 0, {})))
        return failure();
    }
    return success();
  }

  /// A register tile of `size` keys from + key …; stores it and gives the new
  /// maxima, but where a rule is still to come.
  TileCode::Values scoreTile(Value key, int64_t size, ValueRange maxima) {
    TileCode::Values keys;
    Value first = c.addIndex(op.getFrom(), key);
    for (int64_t k = 0; k < size; ++k)
      keys.push_back(c.addIndex(first, k));
    TileCode::Values scores = onTiles        ? stored(key, size)
                              : op.getAtom() ? pairProducts(keys)
                                             : products(key, keys);
    if (op.getScale())
      for (Value &score : scores)
        score = c.mul(score, c.constant(op.getScale()->convertToDouble()));
    for (auto [i, score] : llvm::enumerate(scores))
      storeScore(score, key, i);
    TileCode::Values result = llvm::to_vector_of<Value>(maxima);
    if (!maps.empty())
      return result;
    auto most = [&] {
      for (auto [i, score] : llvm::enumerate(scores))
        result[i % vectors] = c.max(result[i % vectors], score);
      return result;
    };
    if (masks.empty())
      return most();
    return either(
        c.inOneRange(op.getFull(), keys.front(), keys.back()),
        [&] { return most(); },
        [&] { return finish(key, c.addIndex(key, size), maxima); });
  }

  /// The rule and the mask of scores that are stored, keys `begin` to `end` of
  /// the block; gives the new maxima. Processors compute several keys at once.
  TileCode::Values finish(Value begin, Value end, ValueRange maxima) {
    return c.loop(begin, end, 1, maxima, [&](Value key, ValueRange carried) {
      Value kv = c.addIndex(op.getFrom(), key);
      // Through i32, so that rules in lanes need not saturate it.
      Value position = arith::IndexCastOp::create(
          c.b, c.loc, c.b.getIndexType(),
          arith::IndexCastOp::create(c.b, c.loc, c.b.getI32Type(), kv));
      TileCode::Values scores;
      for (int64_t v = 0; v < vectors; ++v) {
        scores.push_back(loadScore(key, v));
        if (!maps.empty()) {
          TileCode::Values late{scores[v], position};
          llvm::append_range(late, lines.at(key, c.index(v * c.lanes)));
          scores[v] = rule(maps[v], late);
        }
      }
      auto masked = [&] {
        TileCode::Values allowed;
        for (int64_t v = 0; v < vectors; ++v) {
          Value is = rule(masks[v], {position});
          allowed.push_back(c.lanes < 16 ? atMost(scores[v], is)
                                         : c.select(is, scores[v], lowest));
        }
        return allowed;
      };
      if (!masks.empty() && maps.empty())
        scores = masked();
      else if (!masks.empty())
        scores = either(
            c.inOneRange(op.getFull(), kv, kv), [&] { return scores; }, masked);
      TileCode::Values result = llvm::to_vector_of<Value>(carried);
      for (int64_t v = 0; v < vectors; ++v) {
        storeScore(scores[v], key, v);
        result[v] = c.max(result[v], scores[v]);
      }
      return result;
    });
  }

  /// The score where the pair is allowed. Of a select LLVM makes a masked
  /// store, which without AVX-512 is several dozen instructions inside the
  /// processor. No number is at most the bound.
  Value atMost(Value score, Value allowed) {
    Value bound = c.select(allowed, highest, lowest);
    auto name = c.b.getStringAttr("llvm.x86.avx.min.ps.256");
    return LLVM::CallIntrinsicOp::create(c.b, c.loc, c.f32(), name,
                                         ValueRange{score, bound})
        .getResult(0);
  }

  TileCode::Values either(Value condition,
                          llvm::function_ref<TileCode::Values()> yes,
                          llvm::function_ref<TileCode::Values()> no) {
    auto branch = scf::IfOp::create(
        c.b, c.loc, condition,
        [&](OpBuilder &, Location) { scf::YieldOp::create(c.b, c.loc, yes()); },
        [&](OpBuilder &, Location) { scf::YieldOp::create(c.b, c.loc, no()); });
    return llvm::to_vector_of<Value>(branch.getResults());
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

  //===--- f32: a long sum in one chain loses digits. Two chains stand side by
  // side, in a tile of half as many keys; where more are asked for, the
  // features are cut in equal steps, whose sums meet in S ---===//

  int64_t parts() { return op.getAtom() ? 1 : llvm::divideCeil(depth, 32); }

  /// Features summed at a time: few where a single score may show.
  void cutChains() {
    // In equal steps of at most so many features for each chain.
    auto cutBy = [&](int64_t most) {
      int64_t steps = llvm::divideCeil(depth, ways * most),
              features =
                  llvm::alignTo(llvm::divideCeil(depth, steps), ways * unroll);
      return std::pair(c.index(features),
                       c.index((depth - 1) / features * features));
    };
    // Parts are added one after the other: more than eight lose more.
    bool isPlain =
        !op->hasAttr(kChainsFromMaximum) && !op->hasAttr(kOftenBegins);
    auto [fewStep, lastFew] =
        cutBy(isPlain ? 32 : std::max<int64_t>(depth / 8, 16));
    // More than 128 are too many for any row.
    int64_t most = op->hasAttr(kShortChains) ? 32 : depth > 128 ? 64 : depth;
    auto [longStep, lastLong] = cutBy(most);
    step = longStep;
    lastStep = lastLong;
    if (op->hasAttr(kShortChains) && !op->hasAttr(kOftenBegins))
      return;
    Value begins = someRowBegins();
    step = c.select(begins, fewStep, step);
    lastStep = c.select(begins, lastFew, lastStep);
    // From minus half of what a score that matters will be, a chain stays half
    // as far from zero, and so do its roundings: as good as two chains, and
    // nothing goes through memory.
    if (!op->hasAttr(kChainsFromMaximum))
      return;
    double ofChain = std::min(double(most) / depth, 1.0 / ways);
    Value part = c.constant(-0.5 * ofChain);
    for (int64_t v = 0; v < vectors; ++v)
      starts.push_back(
          c.select(begins, c.constant(0),
                   c.mul(c.load(op.getMx(), c.index(v * c.lanes)), part)));
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
      return sumsOver(keys, c.index(0), c.index(depth));
    auto withStored = [&](Value d, const TileCode::Values &sums) {
      auto whole = scf::IfOp::create(
          c.b, c.loc, c.lessIndex(c.index(0), d),
          [&](OpBuilder &, Location) {
            TileCode::Values added;
            for (auto [i, sum] : llvm::enumerate(sums))
              added.push_back(c.add(sum, loadScore(key, i)));
            scf::YieldOp::create(c.b, c.loc, added);
          },
          [&](OpBuilder &, Location) {
            scf::YieldOp::create(c.b, c.loc, sums);
          });
      return llvm::to_vector_of<Value>(whole.getResults());
    };
    auto storeSteps = [&](Value end) {
      c.loop(c.index(0), end, step, {}, [&](Value d, ValueRange) {
        Value next = c.minIndex(c.addIndex(d, step), end);
        TileCode::Values sums = withStored(d, sumsOver(keys, d, next));
        for (auto [i, sum] : llvm::enumerate(sums))
          storeScore(sum, key, i);
        return TileCode::Values();
      });
    };
    if (keys.size() == 1) { // once in the code: few keys fill no tile
      storeSteps(c.index(depth));
      return stored(key, 1);
    }
    // Mostly the last step is the only one, and its sums stay in registers.
    storeSteps(lastStep);
    return withStored(lastStep, sumsOver(keys, lastStep, c.index(depth)));
  }

  /// Where keys lie in K.
  TileCode::Values rowsOf(ArrayRef<Value> keys) {
    TileCode::Values rows(keys);
    if (op.getBase())
      for (Value &row : rows)
        row = c.subIndex(row, op.getBase());
    return rows;
  }

  /// The sums over the features from `begin` to `end`, `ways` chains for each.
  TileCode::Values sumsOver(ArrayRef<Value> keys, Value begin, Value end) {
    TileCode::Values rows = rowsOf(keys);
    int64_t size = keys.size() * vectors;
    TileCode::Values chains(ways * size, c.constant(0));
    for (size_t i = 0; !starts.empty() && i < chains.size(); ++i)
      chains[i] = starts[i % vectors];
    Value length = c.subIndex(end, begin), each = c.divIndex(length, ways);
    auto addFeature = [&](Value d, MutableArrayRef<Value> sums) {
      TileCode::Values q;
      for (int64_t v = 0; v < vectors; ++v)
        q.push_back(c.load(op.getQt(), {d, c.index(v * c.lanes)}));
      for (auto [k, row] : llvm::enumerate(rows)) {
        Value element = c.broadcast(c.loadScalar(op.getK(), {row, d}));
        for (int64_t v = 0; v < vectors; ++v) {
          Value &sum = sums[k * vectors + v];
          sum = c.fma(element, q[v], sum);
        }
      }
    };
    auto addFeatures = [&](Value from, Value to, int64_t chainsOfLoop,
                           int64_t unroll, TileCode::Values start) {
      return c.loop(from, to, unroll, start, [&](Value i, ValueRange carried) {
        TileCode::Values sums = llvm::to_vector_of<Value>(carried);
        Value d = c.addIndex(begin, i);
        if (prefetches())
          prefetch(rows[0], d);
        for (int64_t u = 0; u < unroll; ++u)
          for (int64_t way = 0; way < chainsOfLoop; ++way) {
            Value ofWay = way ? c.addIndex(d, c.mulIndex(each, way)) : d;
            addFeature(c.addIndex(ofWay, u),
                       MutableArrayRef(sums).slice(way * size, size));
          }
        return sums;
      });
    };
    chains = addFeatures(c.index(0), each, ways, unroll, chains);
    if (depth % ways) // a feature is left of the last step
      chains = addFeatures(c.mulIndex(each, ways), length, 1, 1, chains);
    for (size_t i = 0; !starts.empty() && i < chains.size(); ++i)
      chains[i] = c.sub(chains[i], starts[i % vectors]);
    for (int64_t i = size; i < ways * size; ++i)
      chains[i % size] = c.add(chains[i % size], chains[i]);
    chains.resize(size);
    return chains;
  }

  /// The first of many strips brings keys near for all others: there what the
  /// processor asks for by itself is enough.
  bool prefetches() { return !c.isBlock(op.getK()) && c.lanes == 16; }

  /// Each feature asks for a line of the keys one block later, all of them for
  /// as many keys as a line has elements.
  void prefetch(Value row, Value d) {
    int64_t block = op.getS().getType().getDimSize(0);
    auto [later, column] =
        c.elementFrom(op.getK(), c.addIndex(row, block),
                      c.mulIndex(d, c.lineOf(op.getK())), depth);
    c.prefetch(op.getK(), {later, column});
  }

  //===--- bf16 ---===//

  /// Scores of size x vectors that are in S.
  TileCode::Values stored(Value key, int64_t size) {
    TileCode::Values scores;
    for (int64_t i = 0; i < size * vectors; ++i)
      scores.push_back(loadScore(key, i));
    return scores;
  }

  /// Half as many turns as in f32: several at once, so that the loop's ends
  /// stay a small part.
  TileCode::Values pairProducts(ArrayRef<Value> keys) {
    Pairs pairs{c};
    TileCode::Values rows = rowsOf(keys),
                     zeros(keys.size() * vectors, c.constant(0));
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
                      for (auto [k, row] : llvm::enumerate(rows)) {
                        Value pair =
                            pairs.broadcast(op.getK(), {row, c.mulIndex(d, 2)});
                        for (int64_t v = 0; v < vectors; ++v) {
                          Value &sum = sums[k * vectors + v];
                          sum = pairs.dot(sum, pair, q[v]);
                        }
                      }
                    }
                    return sums;
                  });
  }

  /// -infinity past the last key, to the whole tile that softmax reads.
  void fillTail() {
    Value end = c.addIndex(op.getCount(), op.getKeyTile() - 1);
    end = c.subIndex(end, c.remIndex(end, op.getKeyTile()));
    c.loop(op.getCount(), end, 1, {}, [&](Value key, ValueRange) {
      for (int64_t v = 0; v < vectors; ++v)
        storeScore(lowest, key, v);
      return TileCode::Values();
    });
  }

  Value rule(LaneRegion &region, ArrayRef<Value> late) {
    FailureOr<Value> result = region.evaluate(c.b, late);
    if (succeeded(result))
      return *result;
    failedRule = true; // the op has said why; anything of the right type lets
                       // the building end
    return late.size() > 1
               ? lowest
               : c.compare(arith::CmpFPredicate::AlwaysFalse, lowest, lowest);
  }

  TileScoresOp op;
  TileCode c;
  bool onTiles; // of AMX
  int64_t keyTile, depth, vectors;
  int64_t ways, unroll; // chains of a sum side by side; features of a turn
  DistanceLines lines;
  SmallVector<LaneRegion> maps, masks;
  Value highest, lowest, step, lastStep;
  TileCode::Values starts; // of chains; none: zero
  bool failedRule = false;
};
} // namespace

LogicalResult lowerTile(TileScoresOp op, OpBuilder &b) {
  return ScoresCode(op, b).build();
}

} // namespace heed::attn
