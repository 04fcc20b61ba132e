//===- AttentionFewRows.cpp - Query tiles of few rows ---------------------===//
#include "codegen/attention/AttentionFewRows.h"
#include "codegen/attention/AttentionRules.h"
#include "codegen/attention/KeysInLanes.h"

using namespace mlir;

namespace heed::attn {

namespace {
class FewRows {
public:
  FewRows(AttentionItems &a, const AttentionTile &tile)
      : a(a), b(a.b), loc(a.loc), tile(tile), lanes(a.tiling.lanes),
        width(llvm::alignTo(a.head, lanes)) {}

  void compute(AttentionItem &item, Value withSinks) {
    AttentionOp op = a.op;
    Value first = a.firstHead(item);
    Value q = a.views.queries(item.segment, first, a.group);
    auto [keys, values] = a.views.keysAndValues(item.segment, a.keyHead(item));
    Value k = keys, v = values; // lambdas capture no binding
    State s = state();
    // Scores are in units of log 2; a score rule sees them in their own units.
    double scale = op.getScale().convertToDouble() * (a.hasRule() ? 1 : kLog2E);
    mark(TileLoadQueriesOp::create(b, loc, q, item.row, item.rows, s.qt,
                                   llvm::APFloat(scale), lanes));
    if (s.positions)
      mark(TilePositionsOp::create(b, loc, item.row, item.rows,
                                   item.segment.past, a.group, s.positions,
                                   lanes));
    auto start = [&](Value sinks) {
      mark(TileStartOp::create(b, loc, s.m, s.mx, s.l, s.o, sinks,
                               sinks ? item.row : Value(), lanes));
    };
    if (op.getSinks())
      a.when(
          withSinks, [&] { start(a.views.sinks(first, a.group)); },
          [&] { start({}); });
    else
      start({});
    SmallVector<Value> full = a.fullRanges(item);
    auto overBlocks = [&](Value from, Value to) {
      a.loopOver(from, to, tile.keys, [&](Value key) {
        Value count = a.minimum(a.index(tile.keys), a.sub(to, key));
        auto scores = TileScoresOp::create(
            b, loc, s.qt, k, key, count, s.mx, s.s,
            a.isMasked() ? full : SmallVector<Value>(), s.positions, Value(),
            tile.keyTile, lanes, StringAttr(), FloatAttr());
        mark(scores);
        if (a.hasRule())
          emitRule(scores.getMap(), a, item);
        if (a.isMasked())
          emitMask(scores.getMask(), a, item);
        mark(TileSoftmaxOp::create(b, loc, s.s, count, s.m, s.mx, s.l, s.alpha,
                                   Value(), tile.keyTile, lanes, FloatAttr()));
        mark(TileCombineOp::create(b, loc, s.s, v, key, count, s.alpha, s.o,
                                   tile.headTile, lanes, StringAttr()));
      });
    };
    a.overRuns(item, [&](Value from, Value to) {
      a.overTiles(item, from, to, tile, 1, overBlocks);
    });
  }

  void store(AttentionItem &item) {
    Value out = a.views.outputs(item.segment, a.firstHead(item), a.group);
    State s = state();
    mark(
        TileStoreOp::create(b, loc, s.o, s.l, out, item.row, item.rows, lanes));
  }

private:
  struct State {
    Value qt, o, s, m, mx, l, alpha, positions;
  };

  State state() {
    int64_t rows = tile.rows;
    const AttentionScratch &scratch = a.scratch;
    auto ofRows = [&](int64_t offset, Type type = {}) {
      return a.views.scratch(offset, {rows}, type);
    };
    State s;
    s.qt =
        a.views.scratch(scratch.queries, RowVectors(rows, lanes).sizes(a.head));
    s.o = a.views.scratch(scratch.out, {rows, width});
    s.s = a.views.scratch(scratch.scores, {rows, lanes + tile.keys});
    s.m = ofRows(scratch.m);
    s.mx = ofRows(scratch.mx);
    s.l = ofRows(scratch.l);
    s.alpha = ofRows(scratch.alpha);
    if (a.hasRule() || !a.op.getMask().allowsAll())
      s.positions = ofRows(scratch.positions, b.getI32Type());
    return s;
  }

  void mark(Operation *made) {
    made->setAttr(kKeysInLanes, b.getI64IntegerAttr(tile.rows));
  }

  AttentionItems &a;
  OpBuilder &b;
  Location loc;
  const AttentionTile &tile;
  int64_t lanes, width;
};
} // namespace

void computeFewRows(AttentionItems &items, AttentionItem &item,
                    Value withSinks) {
  items.withSmallest(items.tiling.fewTiles(), item.rows,
                     [&](const AttentionTile &tile) {
                       FewRows(items, tile).compute(item, withSinks);
                     });
}

RowState stateOfFewRows(AttentionItems &items) {
  int64_t rows = items.few->rows,
          width = llvm::alignTo(items.head, items.tiling.lanes);
  const AttentionScratch &scratch = items.scratch;
  return {items.views.scratch(scratch.m, {rows}),
          items.views.scratch(scratch.l, {rows}),
          items.views.scratch(scratch.out, {rows, width})};
}

void storeFewRows(AttentionItems &items, AttentionItem &item) {
  FewRows(items, *items.few).store(item);
}

} // namespace heed::attn
