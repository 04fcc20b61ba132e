//===- AttentionStrips.cpp - Query tiles that pack their keys -------------===//
#include "codegen/attention/AttentionStrips.h"
#include "codegen/attention/AttentionRules.h"

using namespace mlir;

namespace heed::attn {

void AttentionStrips::overStrips(
    AttentionItem &item,
    llvm::function_ref<void(AttentionItem &part, Value strip)> body) {
  int64_t rows = tiling.tiles.front().rows;
  loopOver(index(0), strips(item), 1, [&](Value number) {
    AttentionItem part = item;
    Value before = mul(number, index(rows));
    part.row = add(item.row, before);
    part.rows = minimum(index(rows), sub(item.rows, before));
    findRanges(part);
    body(part, mul(number, index(scratch.strip)));
  });
}

Value AttentionStrips::ofStrip(Value strip, int64_t offset,
                               ArrayRef<int64_t> sizes, Type element) {
  return views.scratch(add(index(offset), strip), sizes, element);
}

AttentionStrips::StripState
AttentionStrips::stripState(const AttentionTile &tile, Value strip) {
  int64_t rows = tile.rows, stride = tiling.tiles.front().rows;
  Type bf16 = b.getBF16Type();
  auto own = [&](int64_t offset, ArrayRef<int64_t> sizes, Type element = {}) {
    return ofStrip(strip, offset, sizes, element);
  };
  StripState state;
  state.o = firstColumns(own(scratch.out, {head, stride}), rows);
  state.s = views.scratch(scratch.scores, {tile.keys, rows});
  if (tiling.inPairs()) {
    state.qt = firstColumns(
        own(scratch.queries, {tiling.depth / 2, 2 * stride}, bf16), 2 * rows);
    // Weights take the place of their scores.
    state.p = views.scratch(scratch.scores, {tile.keys / 2, 2 * rows}, bf16);
  } else {
    state.qt = firstColumns(own(scratch.queries, {head, stride}), rows);
  }
  state.m = own(scratch.m, {rows});
  state.mx = own(scratch.mx, {rows});
  state.l = own(scratch.l, {rows});
  state.alpha = views.scratch(scratch.alpha, {rows});
  if (hasRule() || !op.getMask().allowsAll())
    state.positions = own(scratch.positions, {rows}, b.getI32Type());
  return state;
}

LongRows AttentionStrips::longRows(Value strip) {
  int64_t rows = tiling.tiles.front().rows;
  StripState s = stripState(tiling.tiles.front(), strip);
  return LongRows(TileCode(b, loc, tiling.lanes), {s.m, s.l, s.o},
                  {ofStrip(strip, scratch.totalM, {rows}),
                   ofStrip(strip, scratch.totalL, {rows}),
                   ofStrip(strip, scratch.total, {head, rows})},
                  ofStrip(strip, scratch.usesTotal, {1}, b.getI64Type()));
}

FewKeys AttentionStrips::fewKeys(Value strip) {
  return {TileCode(b, loc, tiling.lanes),
          ofStrip(strip, scratch.seen, {tiling.tiles.front().rows})};
}

Value AttentionStrips::maySeeFew(const AttentionItem &part) {
  Value keys = index(0);
  for (auto [from, to] : part.full)
    keys = add(keys, maximum(sub(to, from), index(0)));
  return less(keys, index(FewKeys::kEnough));
}

bool AttentionStrips::stripsAreMasked() {
  return tables.any() || loops.size() > 1 ||
         llvm::any_of(loops, [](TileLoopAttr loop) {
           auto usesRows = [](AffineMap map) {
             return map.isFunctionOfSymbol(0) || map.isFunctionOfSymbol(1);
           };
           return !loop.getFull() || usesRows(loop.getLower()) ||
                  usesRows(loop.getUpper());
         });
}

Value AttentionStrips::needsSome(const AttentionItem &item, Value from,
                                 Value to) {
  Value some;
  for (auto [first, last] : item.ranges) {
    Value does = less(maximum(first, from), minimum(last, to));
    some = some ? b.createOrFold<arith::OrIOp>(loc, some, does) : does;
  }
  return some;
}

void AttentionStrips::overCuts(
    Value first, Value last, int64_t keys,
    llvm::function_ref<void(Value from, Value to)> body) {
  Value start = onGrid ? mul(div(first, index(keys)), index(keys)) : first;
  loopOver(start, last, keys, [&](Value at) {
    body(onGrid ? maximum(at, first) : at, minimum(add(at, index(keys)), last));
  });
}

/// The code of one item.
class AttentionStrips::ItemCode {
public:
  ItemCode(AttentionStrips &a, AttentionItem &item)
      : a(a), b(a.b), loc(a.loc), item(item), tiling(a.tiling),
        largest(tiling.tiles.front()), lanes(tiling.lanes),
        pairs(tiling.inPairs()), masked(a.stripsAreMasked()) {
    Value first = a.firstHead(item);
    q = a.views.queries(item.segment, first, a.group);
    out = a.views.outputs(item.segment, first, a.group);
    std::tie(k, v) = a.views.keysAndValues(item.segment, a.keyHead(item));
    if (a.op.getSinks())
      sinks = a.views.sinks(first, a.group);
    scale = a.op.getScale().convertToDouble() * (a.hasRule() ? 1 : kLog2E);
    if (pairs) {
      atom = b.getStringAttr(tiling.atom);
      // Queries in bf16 keep their bits: their scores are scaled, by the
      // softmax on its way where nothing else looks at them.
      bool late = !a.hasRule() && !sinks && scale > 0 && scale <= 1;
      (late ? ofSoftmax : ofScores) = b.getF64FloatAttr(scale);
    }
    // What lies in memory as the atom reads it stays there.
    element = pairs ? Type(b.getBF16Type()) : b.getF32Type();
    packsKeys = cast<MemRefType>(k.getType()).getElementType() != element ||
                tiling.onTiles();
  }

  void start() {
    a.overStrips(item, [&](AttentionItem &part, Value strip) {
      StripState s = a.stripState(largest, strip);
      auto queries =
          TileLoadQueriesOp::create(b, loc, q, part.row, part.rows, s.qt,
                                    llvm::APFloat(pairs ? 1.0 : scale), lanes);
      if (tiling.fewKeysInF32)
        queries->setAttr(kFillsTile, b.getUnitAttr());
      if (s.positions)
        TilePositionsOp::create(b, loc, part.row, part.rows, part.segment.past,
                                a.group, s.positions, lanes);
      TileStartOp::create(b, loc, s.m, s.mx, s.l, s.o, sinks,
                          sinks ? part.row : Value(), lanes);
      if (!pairs)
        a.longRows(strip).start();
      if (tiling.fewKeysInF32)
        a.fewKeys(strip).start();
    });
  }

  /// The keys from `key` to `end`, packed once for all strips.
  void block(Value key, Value end) {
    Value kp = k, vp = a.views.scratch(a.scratch.packedValues,
                                       tiling.packedValues(a.head), element);
    if (packsKeys) {
      kp = a.views.scratch(a.scratch.packedKeys, {tiling.keys, tiling.depth},
                           element);
      TilePackKeysOp::create(b, loc, k, key, a.sub(end, key), kp, lanes);
    }
    TilePackValuesOp::create(b, loc, v, key, a.sub(end, key), vp,
                             b.getStringAttr(tiling.atom), lanes);
    a.overStrips(item, [&](AttentionItem &part, Value strip) {
      Value maybeFew = tiling.fewKeysInF32 ? a.maySeeFew(part) : Value(),
            rows = part.rows;
      if (maybeFew) // the largest tile has the code for them
        rows = a.select(maybeFew, a.index(largest.rows), rows);
      // The strip's own keys of the block, from a whole step of the atom.
      auto own = [&](Value lowest, Value highest) {
        Value from = a.maximum(lowest, key), to = a.minimum(highest, end);
        from = a.sub(from, arith::RemUIOp::create(b, loc, a.sub(from, key),
                                                  a.index(tiling.step)));
        auto visitRun = [&](Value from, Value to) {
          a.withSmallest(
              tiling.rowTiles(), rows, [&](const AttentionTile &tile) {
                visit(part, strip, tile, {kp, vp, key}, from, a.sub(to, from),
                      tile.rows == largest.rows ? maybeFew : Value());
              });
        };
        a.when(a.less(from, to), [&] {
          a.overTiles(part, from, to, tiling.rowTiles(), tiling.step, visitRun);
        });
      };
      // Runs that begin at whole steps may share keys.
      if (tiling.step == 1)
        return a.overRuns(part, a.scratch.stripRanges, own);
      auto [lowest, highest] = a.hull(part);
      own(lowest, highest);
    });
  }

  /// The sums of the strips that have keys before `key` and from it on: what
  /// the item's other strips have must change no bit.
  void putAway(Value key) {
    a.overStrips(item, [&](AttentionItem &part, Value strip) {
      auto [first, last] = a.hull(part);
      a.when(a.both(a.less(first, key), a.less(key, last)),
             [&] { a.longRows(strip).putAway(); });
    });
  }

  void finish() {
    a.overStrips(item, [&](AttentionItem &part, Value strip) {
      if (!pairs)
        a.longRows(strip).finish();
      StripState s = a.stripState(largest, strip);
      auto store = TileStoreOp::create(b, loc, s.o, s.l, out, part.row,
                                       part.rows, lanes);
      if (pairs)
        store->setAttr(kAtom, atom);
    });
  }

private:
  /// A block's keys and values, of which `first` is the first key.
  struct Packed {
    Value keys, values, first;
  };

  /// `count` keys from `from` on with a strip's rows. Where `maybeFew`, blocks
  /// of rows that have seen few keys are computed in f32.
  void visit(AttentionItem &part, Value strip, const AttentionTile &tile,
             Packed block, Value from, Value count, Value maybeFew) {
    StripState s = a.stripState(tile, strip);
    auto scoresOf = [&](Value qt, Value keys, Value base, int64_t keyTile,
                        StringAttr atom) {
      auto scores = TileScoresOp::create(
          b, loc, qt, keys, from, count, s.mx, s.s,
          masked ? a.fullRanges(part) : SmallVector<Value>(), s.positions, base,
          keyTile, lanes, atom, ofScores);
      if (a.hasRule())
        emitRule(scores.getMap(), a, part);
      if (masked)
        emitMask(scores.getMask(), a, part);
      return scores;
    };
    auto scores = scoresOf(s.qt, block.keys, packsKeys ? block.first : Value(),
                           tile.keyTile, atom);
    auto weigh = [&] {
      TileSoftmaxOp::create(b, loc, s.s, count, s.m, s.mx, s.l, s.alpha, s.p,
                            tile.keyTile, lanes, ofSoftmax);
      auto combine = TileCombineOp::create(
          b, loc, pairs ? s.p : s.s, block.values, a.sub(from, block.first),
          count, s.alpha, s.o, tile.headTile, lanes, atom);
      if (!pairs)
        a.markChains(scores, combine);
    };
    if (!maybeFew)
      return weigh();
    // From the tensors as they lie in memory; the scores replace the rounded
    // ones. Tiles of AMX are too tall for registers.
    auto weighInF32 = [&] {
      int64_t keyTile = tiling.onTiles() ? 8 : tile.keyTile,
              headTile = tiling.onTiles() ? 8 : tile.headTile;
      Value qt = a.views.scratch(a.scratch.wholeQueries, {a.head, tile.rows});
      TileLoadQueriesOp::create(b, loc, q, part.row, part.rows, qt,
                                llvm::APFloat(1.0), lanes)
          ->setAttr(kFillsTile, b.getUnitAttr());
      scoresOf(qt, k, Value(), keyTile, StringAttr());
      TileSoftmaxOp::create(b, loc, s.s, count, s.m, s.mx, s.l, s.alpha,
                            Value(), keyTile, lanes, ofSoftmax);
      TileCombineOp::create(b, loc, s.s, v, from, count, s.alpha, s.o, headTile,
                            lanes, StringAttr());
    };
    auto isFew = scf::IfOp::create(
        b, loc, maybeFew,
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(b, loc, a.fewKeys(strip).inBlock(s.s, count));
        },
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(b, loc, maybeFew); // false here
        });
    a.when(isFew.getResult(0), weighInF32, weigh);
  }

  AttentionStrips &a;
  OpBuilder &b;
  Location loc;
  AttentionItem &item;
  const AttentionTiling &tiling;
  const AttentionTile &largest;
  int64_t lanes;
  bool pairs, masked, packsKeys;
  Value q, k, v, out, sinks;
  double scale;
  StringAttr atom;               // of bf16
  FloatAttr ofScores, ofSoftmax; // who scales scores of bf16
  Type element;                  // of packed keys and values
};

void AttentionStrips::computeStrips(AttentionItem &item) {
  ItemCode code(*this, item);
  code.start();
  auto overBlocks = [&](Value first, Value last) {
    overCuts(first, last, tiling.keys, [&](Value key, Value end) {
      if (!onGrid)
        return code.block(key, end);
      when(needsSome(item, key, end), [&] { code.block(key, end); });
    });
  };
  auto overNeeded = [&](Value first, Value last) {
    overTiles(item, first, last, tiling.rowTiles(), tiling.step, overBlocks);
  };
  auto overLongRows = [&](Value first, Value last) {
    if (tiling.inPairs())
      return overNeeded(first, last);
    overCuts(first, last, LongRows::kBlocks * tiling.keys,
             [&](Value key, Value end) {
               overNeeded(key, end);
               when(less(end, last), [&] { code.putAway(end); });
             });
  };
  if (onGrid) { // runs begin and end where the item's rows let them
    auto [first, last] = hull(item);
    overLongRows(first, last);
  } else {
    overRuns(item, overLongRows);
  }
  code.finish();
}

} // namespace heed::attn
