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
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, keys,
                               index(FewKeys::kEnough));
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
    Value does = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                       maximum(first, from), minimum(last, to));
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

void AttentionStrips::computeStrips(AttentionItem &item) {
  int64_t lanes = tiling.lanes;
  Value first = firstHead(item);
  Value q = views.queries(item.segment, first, group),
        out = views.outputs(item.segment, first, group);
  auto [keys, values] = views.keysAndValues(item.segment, keyHead(item));
  Value k = keys, v = values; // lambdas capture no binding
  Value sinks = op.getSinks() ? views.sinks(first, group) : Value();
  bool pairs = tiling.inPairs();
  StringAttr atom = pairs ? b.getStringAttr(tiling.atom) : StringAttr();
  // Queries in bf16 keep their bits: their scores are scaled, by the softmax on
  // its way where nothing else looks at them.
  double scale = op.getScale().convertToDouble() * (hasRule() ? 1 : kLog2E);
  bool late = !hasRule() && !sinks && scale > 0 && scale <= 1;
  FloatAttr ofScores = late || !pairs ? FloatAttr() : b.getF64FloatAttr(scale),
            ofSoftmax = late && pairs ? b.getF64FloatAttr(scale) : FloatAttr();
  overStrips(item, [&](AttentionItem &part, Value strip) {
    StripState s = stripState(tiling.tiles.front(), strip);
    TileLoadQueriesOp::create(b, loc, q, part.row, part.rows, s.qt,
                              llvm::APFloat(pairs ? 1.0 : scale), lanes);
    if (s.positions)
      TilePositionsOp::create(b, loc, part.row, part.rows, part.segment.past,
                              group, s.positions, lanes);
    TileStartOp::create(b, loc, s.m, s.mx, s.l, s.o, sinks,
                        sinks ? part.row : Value(), lanes);
    if (!pairs)
      longRows(strip).start();
    if (tiling.fewKeysInF32)
      fewKeys(strip).start();
  });
  bool masked = stripsAreMasked();
  Type element = pairs ? Type(b.getBF16Type()) : b.getF32Type();
  // What lies in memory as the atom reads it stays there.
  auto liesThere = [&](Value keys) {
    return cast<MemRefType>(keys.getType()).getElementType() == element &&
           !tiling.onTiles();
  };
  bool packsKeys = !liesThere(k);
  Value vp =
      views.scratch(scratch.packedValues, tiling.packedValues(head), element);
  auto block = [&](Value key, Value end) {
    Value kp = k;
    if (packsKeys) {
      kp = views.scratch(scratch.packedKeys, {tiling.keys, tiling.depth},
                         element);
      TilePackKeysOp::create(b, loc, k, key, sub(end, key), kp, lanes);
    }
    TilePackValuesOp::create(b, loc, v, key, sub(end, key), vp,
                             b.getStringAttr(tiling.atom), lanes);
    overStrips(item, [&](AttentionItem &part, Value strip) {
      const AttentionTile &largest = tiling.tiles.front();
      Value maybeFew = tiling.fewKeysInF32 ? maySeeFew(part) : Value(),
            rows = part.rows;
      if (maybeFew) // the largest tile has the code for them
        rows = select(maybeFew, index(largest.rows), rows);
      auto visit = [&](const AttentionTile &tile, Value from, Value count) {
        StripState s = stripState(tile, strip);
        auto scoresOf = [&](Value qt, Value keys, Value base, int64_t keyTile,
                            StringAttr atom) {
          auto scores = TileScoresOp::create(
              b, loc, qt, keys, from, count, s.mx, s.s,
              masked ? fullRanges(part) : SmallVector<Value>(), s.positions,
              base, keyTile, lanes, atom, ofScores);
          if (hasRule())
            emitRule(scores.getMap(), *this, part);
          if (masked)
            emitMask(scores.getMask(), *this, part);
          return scores;
        };
        auto scores =
            scoresOf(s.qt, kp, packsKeys ? key : Value(), tile.keyTile, atom);
        auto weigh = [&] {
          TileSoftmaxOp::create(b, loc, s.s, count, s.m, s.mx, s.l, s.alpha,
                                s.p, tile.keyTile, lanes, ofSoftmax);
          auto combine = TileCombineOp::create(b, loc, pairs ? s.p : s.s, vp,
                                               sub(from, key), count, s.alpha,
                                               s.o, tile.headTile, lanes, atom);
          if (!pairs)
            markChains(scores, combine);
        };
        if (!maybeFew || tile.rows != largest.rows)
          return weigh();
        // From the tensors as they lie in memory; the scores replace the
        // rounded ones. Tiles of AMX are too tall for registers.
        auto weighInF32 = [&] {
          int64_t keyTile = tiling.onTiles() ? 8 : tile.keyTile,
                  headTile = tiling.onTiles() ? 8 : tile.headTile;
          Value qt = views.scratch(scratch.wholeQueries, {head, tile.rows});
          TileLoadQueriesOp::create(b, loc, q, part.row, part.rows, qt,
                                    llvm::APFloat(1.0), lanes);
          scoresOf(qt, k, Value(), keyTile, StringAttr());
          TileSoftmaxOp::create(b, loc, s.s, count, s.m, s.mx, s.l, s.alpha,
                                Value(), keyTile, lanes, ofSoftmax);
          TileCombineOp::create(b, loc, s.s, v, from, count, s.alpha, s.o,
                                headTile, lanes, StringAttr());
        };
        auto isFew = scf::IfOp::create(
            b, loc, maybeFew,
            [&](OpBuilder &, Location) {
              scf::YieldOp::create(b, loc, fewKeys(strip).inBlock(s.s, count));
            },
            [&](OpBuilder &, Location) {
              scf::YieldOp::create(b, loc, maybeFew); // false here
            });
        when(isFew.getResult(0), weighInF32, weigh);
      };
      // The strip's own keys of the block, from a whole step of the atom.
      auto own = [&](Value lowest, Value highest) {
        Value from = maximum(lowest, key), to = minimum(highest, end);
        from = sub(from, arith::RemUIOp::create(b, loc, sub(from, key),
                                                index(tiling.step)));
        when(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, from, to),
             [&] {
               overTiles(part, from, to, tiling.rowTiles(), tiling.step,
                         [&](Value from, Value to) {
                           withSmallest(tiling.rowTiles(), rows,
                                        [&](const AttentionTile &tile) {
                                          visit(tile, from, sub(to, from));
                                        });
                         });
             });
      };
      // Runs that begin at whole steps may share keys.
      if (tiling.step == 1)
        return overRuns(part, scratch.stripRanges, own);
      auto [lowest, highest] = hull(part);
      own(lowest, highest);
    });
  };
  auto overBlocks = [&](Value first, Value last) {
    overCuts(first, last, tiling.keys, [&](Value key, Value end) {
      if (!onGrid)
        return block(key, end);
      when(needsSome(item, key, end), [&] { block(key, end); });
    });
  };
  auto overNeeded = [&](Value first, Value last) {
    overTiles(item, first, last, tiling.rowTiles(), tiling.step, overBlocks);
  };
  // Runs begin and end where the item's rows let them.
  auto overAll = [&](llvm::function_ref<void(Value first, Value last)> body) {
    if (!onGrid)
      return overRuns(item, body);
    auto [first, last] = hull(item);
    body(first, last);
  };
  overAll([&](Value first, Value last) {
    if (pairs)
      return overNeeded(first, last);
    int64_t keys = LongRows::kBlocks * tiling.keys;
    overCuts(first, last, keys, [&](Value key, Value end) {
      overNeeded(key, end);
      when(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, end, last),
           [&] {
             overStrips(item, [&](AttentionItem &, Value strip) {
               longRows(strip).putAway();
             });
           });
    });
  });
  overStrips(item, [&](AttentionItem &part, Value strip) {
    if (!pairs)
      longRows(strip).finish();
    StripState s = stripState(tiling.tiles.front(), strip);
    auto store =
        TileStoreOp::create(b, loc, s.o, s.l, out, part.row, part.rows, lanes);
    if (pairs)
      store->setAttr(kAtom, atom);
  });
}

} // namespace heed::attn
