//===- AttentionStrips.cpp - Query tiles on atoms of bf16 -----------------===//
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

AttentionStrips::StripState
AttentionStrips::stripState(const AttentionTile &tile, Value strip) {
  int64_t rows = tile.rows, stride = tiling.tiles.front().rows;
  Type bf16 = b.getBF16Type();
  auto own = [&](int64_t offset, ArrayRef<int64_t> sizes, Type type = {}) {
    return views.scratch(add(index(offset), strip), sizes, type);
  };
  StripState state;
  state.qt = firstColumns(
      own(scratch.queries, {tiling.depth / 2, 2 * stride}, bf16), 2 * rows);
  state.o = firstColumns(own(scratch.out, {head, stride}), rows);
  state.s = views.scratch(scratch.scores, {tile.keys, rows});
  // Weights take the place of their scores.
  state.p = views.scratch(scratch.scores, {tile.keys / 2, 2 * rows}, bf16);
  state.m = own(scratch.m, {rows});
  state.mx = own(scratch.mx, {rows});
  state.l = own(scratch.l, {rows});
  state.alpha = views.scratch(scratch.alpha, {rows});
  if (hasRule() || !op.getMask().allowsAll())
    state.positions = own(scratch.positions, {rows}, b.getI32Type());
  return state;
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

void AttentionStrips::computeStrips(AttentionItem &item) {
  int64_t lanes = tiling.lanes;
  Value first = firstHead(item);
  Value q = views.queries(item.segment, first, group),
        out = views.outputs(item.segment, first, group);
  auto [keys, values] = views.keysAndValues(item.segment, keyHead(item));
  Value k = keys, v = values; // lambdas capture no binding
  Value sinks = op.getSinks() ? views.sinks(first, group) : Value();
  StringAttr atom = b.getStringAttr(tiling.atom);
  // Queries keep their bits: their scores are scaled, by the softmax on its
  // way where nothing else looks at them.
  double scale = op.getScale().convertToDouble() * (hasRule() ? 1 : kLog2E);
  bool late = !hasRule() && !sinks && scale > 0 && scale <= 1;
  FloatAttr ofScores = late ? FloatAttr() : b.getF64FloatAttr(scale),
            ofSoftmax = late ? b.getF64FloatAttr(scale) : FloatAttr();
  overStrips(item, [&](AttentionItem &part, Value strip) {
    StripState s = stripState(tiling.tiles.front(), strip);
    TileLoadQueriesOp::create(b, loc, q, part.row, part.rows, s.qt,
                              llvm::APFloat(1.0), lanes);
    if (s.positions)
      TilePositionsOp::create(b, loc, part.row, part.rows, part.segment.past,
                              group, s.positions, lanes);
    TileStartOp::create(b, loc, s.m, s.mx, s.l, s.o, sinks,
                        sinks ? part.row : Value(), lanes);
  });
  bool masked = stripsAreMasked();
  Type bf16 = b.getBF16Type();
  // Keys that lie in memory as the atom reads them stay there.
  bool packsKeys = !cast<MemRefType>(k.getType()).getElementType().isBF16() ||
                   tiling.onTiles();
  int64_t features = llvm::alignTo(head, lanes);
  Value vp =
      tiling.onTiles()
          ? views.scratch(scratch.packedValues, {features, tiling.keys}, bf16)
          : views.scratch(scratch.packedValues, {tiling.keys / 2, 2 * head},
                          bf16);
  auto overBlocks = [&](Value first, Value last) {
    loopOver(first, last, tiling.keys, [&](Value key) {
      Value end = minimum(add(key, index(tiling.keys)), last), kp = k;
      if (packsKeys) {
        kp = views.scratch(scratch.packedKeys, {tiling.keys, tiling.depth},
                           bf16);
        TilePackKeysOp::create(b, loc, k, key, sub(end, key), kp, lanes);
      }
      TilePackValuesOp::create(b, loc, v, key, sub(end, key), vp, atom, lanes);
      overStrips(item, [&](AttentionItem &part, Value strip) {
        // The strip's own keys of the block, from a whole step of the atom.
        auto [lowest, highest] = hull(part);
        Value from = maximum(lowest, key), to = minimum(highest, end);
        from = sub(from, arith::RemUIOp::create(b, loc, sub(from, key),
                                                index(tiling.step)));
        auto visit = [&](const AttentionTile &tile, Value from, Value count) {
          StripState s = stripState(tile, strip);
          auto scores = TileScoresOp::create(
              b, loc, s.qt, kp, from, count, s.mx, s.s,
              masked ? fullRanges(part) : SmallVector<Value>(), s.positions,
              packsKeys ? key : Value(), tile.keyTile, lanes, atom, ofScores);
          if (hasRule())
            emitRule(scores.getMap(), *this, part);
          if (masked)
            emitMask(scores.getMask(), *this, part);
          TileSoftmaxOp::create(b, loc, s.s, count, s.m, s.mx, s.l, s.alpha,
                                s.p, tile.keyTile, lanes, ofSoftmax);
          TileCombineOp::create(b, loc, s.p, vp, sub(from, key), count, s.alpha,
                                s.o, tile.headTile, lanes, atom);
        };
        when(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, from, to),
             [&] {
               overTiles(part, from, to, tiling.rowTiles(), tiling.step,
                         [&](Value from, Value to) {
                           withSmallest(tiling.rowTiles(), part.rows,
                                        [&](const AttentionTile &tile) {
                                          visit(tile, from, sub(to, from));
                                        });
                         });
             });
      });
    });
  };
  overRuns(item, [&](Value first, Value last) {
    overTiles(item, first, last, tiling.rowTiles(), tiling.step, overBlocks);
  });
  overStrips(item, [&](AttentionItem &part, Value strip) {
    StripState s = stripState(tiling.tiles.front(), strip);
    TileStoreOp::create(b, loc, s.o, s.l, out, part.row, part.rows, lanes);
  });
}

} // namespace heed::attn
