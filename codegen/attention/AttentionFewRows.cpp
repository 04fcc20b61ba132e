//===- AttentionFewRows.cpp - Query tiles of few rows ---------------------===//
#include "codegen/attention/AttentionFewRows.h"
#include "codegen/attention/AttentionRules.h"
#include "codegen/attention/KeysInLanes.h"

using namespace mlir;

namespace heed::attn {

namespace {
/// The register tiles differ in the order of the queries and in both products;
/// all else is once in the code, for as many rows as the smallest tile that
/// holds the item's.
class FewRows {
public:
  FewRows(AttentionItems &a, Value itemRows)
      : a(a), b(a.b), loc(a.loc), tiles(a.tiling.fewTiles()),
        lanes(a.tiling.lanes), width(llvm::alignTo(a.head, lanes)),
        itemRows(itemRows),
        rows(a.ofSmallest(tiles, itemRows, &AttentionTile::rows)) {}

  void compute(AttentionItem &item, Value withSinks) {
    AttentionOp op = a.op;
    Value first = a.firstHead(item);
    Value q = a.views.queries(item.segment, first, a.group);
    auto [keys, values] = a.views.keysAndValues(item.segment, a.keyHead(item));
    Value k = keys, v = values; // lambdas capture no binding
    State all = state();
    // Scores are in units of log 2; a score rule sees them in their own units.
    double scale = op.getScale().convertToDouble() * (a.hasRule() ? 1 : kLog2E);
    withTile([&](const AttentionTile &tile, State &s) {
      mark(tile, TileLoadQueriesOp::create(b, loc, q, item.row, item.rows, s.qt,
                                           llvm::APFloat(scale), lanes));
    });
    if (all.positions)
      mark(tiles.front(), TilePositionsOp::create(b, loc, item.row, item.rows,
                                                  item.segment.past, a.group,
                                                  all.positions, lanes));
    auto start = [&](Value sinks) {
      mark(tiles.front(),
           TileStartOp::create(b, loc, all.m, all.mx, all.l, all.o, sinks,
                               sinks ? item.row : Value(), lanes));
    };
    if (op.getSinks())
      a.when(
          withSinks, [&] { start(a.views.sinks(first, a.group)); },
          [&] { start({}); });
    else
      start({});
    SmallVector<Value> full = a.fullRanges(item);
    int64_t block = tiles.front().keys;
    auto overBlocks = [&](Value from, Value to) {
      a.loopOver(from, to, block, [&](Value key) {
        Value count = a.minimum(a.index(block), a.sub(to, key));
        withTile([&](const AttentionTile &tile, State &s) {
          auto scores = TileScoresOp::create(
              b, loc, s.qt, k, key, count, s.mx, s.s,
              a.isMasked() ? full : SmallVector<Value>(), s.positions, Value(),
              tile.keyTile, lanes, StringAttr(), FloatAttr());
          mark(tile, scores);
          if (a.hasRule())
            emitRule(scores.getMap(), a, item);
          if (a.isMasked())
            emitMask(scores.getMask(), a, item);
        });
        mark(tiles.front(),
             TileSoftmaxOp::create(b, loc, all.s, count, all.m, all.mx, all.l,
                                   all.alpha, Value(), tiles.front().keyTile,
                                   lanes, FloatAttr()));
        withTile([&](const AttentionTile &tile, State &s) {
          mark(tile,
               TileCombineOp::create(b, loc, s.s, v, key, count, s.alpha, s.o,
                                     tile.headTile, lanes, StringAttr()));
        });
      });
    };
    a.overRuns(item, [&](Value from, Value to) {
      a.overTiles(item, from, to, tiles, 1, overBlocks);
    });
  }

  void store(AttentionItem &item) {
    Value out = a.views.outputs(item.segment, a.firstHead(item), a.group);
    State s = state();
    mark(tiles.front(), TileStoreOp::create(b, loc, s.o, s.l, out, item.row,
                                            item.rows, lanes));
  }

private:
  struct State {
    Value qt, o, s, m, mx, l, alpha, positions;
  };

  void withTile(llvm::function_ref<void(const AttentionTile &, State &)> body) {
    a.withSmallest(tiles, itemRows, [&](const AttentionTile &tile) {
      State s = state(&tile);
      body(tile, s);
    });
  }

  /// Of a tile's rows, and with its queries; without a tile, of all `rows`.
  State state(const AttentionTile *tile = nullptr) {
    const AttentionScratch &scratch = a.scratch;
    auto ofRows = [&](int64_t offset, SmallVector<int64_t> sizes,
                      Type type = {}) -> Value {
      sizes.insert(sizes.begin(), tile ? tile->rows : ShapedType::kDynamic);
      return memref::ViewOp::create(
          b, loc, MemRefType::get(sizes, type ? type : b.getF32Type()),
          a.views.get(AttentionArgKind::Scratch), a.index(offset),
          tile ? ValueRange() : ValueRange(rows));
    };
    State s;
    if (tile)
      s.qt = a.views.scratch(scratch.queries,
                             RowVectors(tile->rows, lanes).sizes(a.head));
    s.o = ofRows(scratch.out, {width});
    s.s = ofRows(scratch.scores, {lanes + tiles.front().keys});
    s.m = ofRows(scratch.m, {});
    s.mx = ofRows(scratch.mx, {});
    s.l = ofRows(scratch.l, {});
    s.alpha = ofRows(scratch.alpha, {});
    if (a.hasRule() || !a.op.getMask().allowsAll())
      s.positions = ofRows(scratch.positions, {}, b.getI32Type());
    return s;
  }

  void mark(const AttentionTile &tile, Operation *made) {
    made->setAttr(kKeysInLanes, b.getI64IntegerAttr(tile.rows));
  }

  AttentionItems &a;
  OpBuilder &b;
  Location loc;
  ArrayRef<AttentionTile> tiles;
  int64_t lanes, width;
  Value itemRows, rows;
};
} // namespace

void computeFewRows(AttentionItems &items, AttentionItem &item,
                    Value withSinks) {
  FewRows(items, item.rows).compute(item, withSinks);
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
  FewRows(items, item.rows).store(item);
}

} // namespace heed::attn
