//===- AttentionKernel.cpp - The kernel of one attention, in tiled form ---===//
#include "codegen/attention/AttentionKernel.h"
#include "codegen/attention/AttentionTiling.h"
#include "codegen/attention/AttentionViews.h"
#include "codegen/attention/KeySpans.h"
#include "codegen/attention/KeysInLanes.h"
#include "codegen/attention/LongRows.h"
#include "codegen/attention/MaskCode.h"
#include "codegen/attention/TableRanges.h"
#include "ir/Axes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace heed::attn {

namespace {
constexpr double kLog2E = 1.4426950408889634074;

class KernelEmitter {
public:
  KernelEmitter(AttentionOp op, TargetAttr target, AttentionViews &views,
                OpBuilder &b)
      : op(op), views(views), b(b), loc(op.getLoc()), tables(op, views, b),
        tiling(AttentionTiling::choose(op, target)), scratch(op, tiling),
        head(axisSize(op.getQ().getType(), axis::Head)),
        heads(axisSize(op.getQ().getType(), axis::Heads)),
        kvHeads(views.keyHeads()) {
    group = tiling.group;
    perHead = group != heads / kvHeads;
    rule = !op.getScore().empty();
    few = tiling.fewRows();
    if (auto bounds = op.getTileBounds())
      loops = llvm::to_vector(bounds->getLoops());
    else
      loops.push_back(everyKey(op.getMask().allowsAll()));
  }

  /// This thread's part of all items.
  void emitCompute() {
    findTotal();
    overItems(index(0), [&](Item &item, Value before) {
      return overSpans(item, before, [&](Item &span, Value i, Value before) {
        Value mine = equal(owner(before, cost(span)), thread);
        when(mine, [&] {
          if (!few)
            return computeWith(item, tiling.tiles);
          when(
              isFew(item), [&] { computeSpan(item, span, i); },
              [&] { computeWith(item, ArrayRef(tiling.tiles).drop_back()); });
        });
      });
    });
  }

  /// Joins the spans of the items that this thread began and others ended.
  void emitJoin() {
    findTotal();
    overItems(index(0), [&](Item &item, Value before) {
      Value first = firstOwner(item, before), last = lastOwner(item, before);
      Value shared =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, first, last);
      when(both(equal(first, thread), shared), [&] {
        TileCode c(b, loc, tiling.lanes);
        RowState state = ownState();
        clearState(c, state);
        overSpans(item, before, [&](Item &span, Value i, Value before) {
          Value from = owner(before, cost(span));
          Value goesOn = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                               from, first);
          Value away = mul(sub(from, thread),
                           views.get(AttentionArgKind::ScratchStride));
          joinState(c, slot(i, goesOn, away), state);
        });
        storeState(item);
      });
      return add(before, cost(item));
    });
  }

private:
  /// One query tile of one head (or kv head) of one segment, with all or some
  /// of its keys.
  struct Item {
    Segment segment;
    Value headIndex, row, rows;
    SmallVector<Value> symbols;                  // of the mask
    SmallVector<std::pair<Value, Value>> ranges; // of keys, one for each loop
    SmallVector<std::pair<Value, Value>> full;   // keys that need no mask
    // Spans of `spanKeys` keys from `firstKey` on; one where rows are many.
    Value spans, spanKeys, firstKey;
    Value before; // the work before the item
  };

  void findTotal() {
    threads = views.get(AttentionArgKind::Threads);
    thread = views.get(AttentionArgKind::Thread);
    total = overItems(
        index(0), [&](Item &item, Value sum) { return add(sum, cost(item)); });
  }

  /// The thread of the middle of a piece of work, where the whole work is
  /// `threads` equal parts.
  Value owner(Value before, Value work) {
    Value middle = mul(add(add(before, before), work), threads);
    return arith::DivUIOp::create(b, loc, middle, add(total, total));
  }
  Value firstOwner(Item &item, Value before) {
    return owner(before, cost(spanOf(item, index(0))));
  }
  Value lastOwner(Item &item, Value before) {
    Value work = cost(spanOf(item, sub(item.spans, index(1))));
    return owner(sub(add(before, cost(item)), work), work);
  }
  Value isFew(Item &item) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, item.rows,
                                 index(few->rows));
  }

  /// Calls body for each span of an item, with the work before it; returns the
  /// work up to the item's end.
  Value
  overSpans(Item &item, Value before,
            llvm::function_ref<void(Item &span, Value i, Value before)> body) {
    item.before = before;
    if (!few) {
      body(item, index(0), before);
      return add(before, cost(item));
    }
    return scf::ForOp::create(
               b, loc, index(0), item.spans, index(1), before,
               [&](OpBuilder &, Location, Value i, ValueRange carried) {
                 Item span = spanOf(item, i);
                 body(span, i, carried[0]);
                 scf::YieldOp::create(b, loc, add(carried[0], cost(span)));
               })
        .getResult(0);
  }

  /// Span `i` of an item.
  Item spanOf(Item &item, Value i) {
    Item span = item;
    if (!few)
      return span;
    Value from = add(item.firstKey, mul(i, item.spanKeys)),
          to = add(from, item.spanKeys);
    for (auto &[lower, upper] : span.ranges) {
      lower = maximum(lower, from);
      upper = maximum(lower, minimum(upper, to));
    }
    span.spans = index(1);
    return span;
  }

  /// How many spans an item has: by its keys alone.
  void findSpans(Item &item) {
    if (!few)
      return;
    Value lowest = item.segment.keyLength, highest = index(0);
    for (auto [from, to] : item.ranges) {
      Value some =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, from, to);
      lowest = select(some, minimum(lowest, from), lowest);
      highest = select(some, maximum(highest, to), highest);
    }
    auto atLeast = [&](Value value, int64_t least) {
      return maximum(value, index(least));
    };
    Value keys = atLeast(sub(highest, lowest), 1);
    Value spanKeys = mul(ceilDiv(keys, index(SpanSlots::most * few->keys)),
                         index(few->keys));
    item.firstKey = lowest;
    item.spanKeys = select(isFew(item), spanKeys, keys);
    item.spans = ceilDiv(keys, item.spanKeys);
  }

  /// One span of an item of few rows: its state goes to the span's slot.
  /// Whoever has all spans of an item joins them at once.
  void computeSpan(Item &item, Item &span, Value i) {
    runTile(span, *few, equal(i, index(0)));
    Value first = firstOwner(item, item.before),
          last = lastOwner(item, item.before);
    TileCode c(b, loc, tiling.lanes);
    Value goesOn =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, first, thread);
    Value alone = both(equal(item.spans, index(1)), equal(first, last));
    when(
        alone, [&] { storeState(item); },
        [&] {
          copyState(c, ownState(), slot(i, goesOn, index(0)));
          Value isLast = equal(i, sub(item.spans, index(1)));
          when(both(isLast, equal(first, last)), [&] {
            RowState state = ownState();
            clearState(c, state);
            scf::ForOp::create(b, loc, index(0), item.spans, index(1),
                               ValueRange{},
                               [&](OpBuilder &, Location, Value j, ValueRange) {
                                 joinState(c, slot(j, goesOn, index(0)), state);
                                 scf::YieldOp::create(b, loc);
                               });
            storeState(item);
          });
        });
  }

  /// The slot of span `i` in the scratch `away` bytes from this thread's.
  RowState slot(Value i, Value goesOn, Value away) {
    SpanSlots slots(*few, head, tiling.lanes);
    Value region = select(goesOn, index(slots.regionBytes()), index(0));
    Value offset = add(add(away, index(scratch.spans)),
                       add(region, mul(i, index(slots.slotBytes))));
    return slots.at(b, loc, views.get(AttentionArgKind::Scratch), offset);
  }
  RowState ownState() {
    int64_t width = llvm::alignTo(head, tiling.lanes);
    return {views.scratch(scratch.m, {few->rows}),
            views.scratch(scratch.l, {few->rows}),
            views.scratch(scratch.out, {few->rows, width})};
  }
  void storeState(Item &item) {
    RowState state = ownState();
    Value out =
        views.outputs(item.segment, mul(item.headIndex, index(group)), group);
    TileStoreOp::create(b, loc, state.o, state.l, out, item.row, item.rows,
                        tiling.lanes)
        ->setAttr(kKeysInLanes, b.getUnitAttr());
  }

  TileLoopAttr everyKey(bool full) {
    unsigned symbols = 3 + op.getMask().getSymbols().size();
    MLIRContext *context = op.getContext();
    auto map = [&](AffineExpr expr) {
      return AffineMap::get(0, symbols, expr);
    };
    return TileLoopAttr::get(
        context, full, map(getAffineConstantExpr(0, context)),
        map(getAffineSymbolExpr(2, context)),
        IntegerSet::get(0, symbols, getAffineConstantExpr(0, context), true));
  }

  /// Loops over all items with one value carried.
  Value overItems(Value start, llvm::function_ref<Value(Item &, Value)> body) {
    auto loop = [&](Value count, int64_t step, Value from,
                    llvm::function_ref<Value(Value, Value)> inner) -> Value {
      return scf::ForOp::create(
                 b, loc, index(0), count, index(step), from,
                 [&](OpBuilder &, Location, Value i, ValueRange carried) {
                   scf::YieldOp::create(b, loc, inner(i, carried[0]));
                 })
          .getResult(0);
    };
    int64_t tileRows = tiling.tiles.front().rows;
    return loop(views.segments(), 1, start, [&](Value number, Value carried) {
      Item item;
      item.segment = views.segment(number);
      if (tables.any())
        tables.enter(item.segment);
      Value rows = mul(item.segment.queryLength, index(group));
      return loop(index(perHead ? heads : kvHeads), 1, carried,
                  [&](Value headIndex, Value carried) {
                    item.headIndex = headIndex;
                    return loop(
                        rows, tileRows, carried, [&](Value row, Value carried) {
                          item.row = row;
                          item.rows = minimum(index(tileRows), sub(rows, row));
                          findRanges(item);
                          findSpans(item);
                          return body(item, carried);
                        });
                  });
    });
  }

  /// Fills the mask's symbols and the key ranges of a tile.
  void findRanges(Item &item) {
    item.symbols.clear();
    item.ranges.clear();
    item.full.clear();
    Value past = item.segment.past, zero = index(0);
    for (MaskSymbolAttr symbol : op.getMask().getSymbols())
      item.symbols.push_back(
          symbol.isOpaque()
              ? zero
              : views.maskSymbol(symbol, item.segment, item.headIndex));
    Value lastRow = sub(add(item.row, item.rows), index(1));
    Value q0 = add(past, div(item.row, group)),
          q1 = add(add(past, div(lastRow, group)), index(1));
    SmallVector<Value> symbols{q0, q1, item.segment.keyLength};
    llvm::append_range(symbols, item.symbols);
    TableRanges::Found found;
    if (tables.any())
      found = tables.find(item.segment, symbols);
    for (TileLoopAttr loop : loops) {
      auto range = emitKeyRange(b, loc, loop, symbols);
      item.ranges.push_back(tables.any() ? tables.cut(range, found.some)
                                         : range);
      if (loop.getFull())
        item.full.push_back(tables.any() ? tables.cut(range, found.all)
                                         : range);
    }
  }

  /// Keys visited, plus what each span costs by itself; for each strip.
  Value cost(const Item &item) {
    Value keys = few ? mul(item.spans, index(32)) : index(32);
    for (auto [from, to] : item.ranges)
      keys = add(keys, sub(to, from));
    return tiling.strips == 1 ? keys : mul(keys, strips(item));
  }

  /// Calls body with the smallest tile that holds the rows; the largest is
  /// first.
  void withSmallest(ArrayRef<AttentionTile> tiles, Value rows,
                    llvm::function_ref<void(const AttentionTile &)> body) {
    if (tiles.size() == 1)
      return body(tiles.front());
    when(
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, rows,
                              index(tiles[1].rows)),
        [&] { body(tiles.front()); },
        [&] { withSmallest(tiles.drop_front(), rows, body); });
  }

  void computeWith(Item &item, ArrayRef<AttentionTile> tiles) {
    if (tiling.isPacked())
      return computeStrips(item);
    withSmallest(tiles, item.rows,
                 [&](const AttentionTile &tile) { computeTile(item, tile); });
  }

  void computeTile(Item &item, const AttentionTile &tile) {
    Value out =
        views.outputs(item.segment, mul(item.headIndex, index(group)), group);
    askForOutput(item, out);
    RowState state = runTile(item, tile);
    TileStoreOp::create(b, loc, state.o, state.l, out, item.row, item.rows,
                        tiling.lanes);
  }

  /// The lines that a tile writes at its end, all at once.
  void askForOutput(Item &item, Value out) {
    TileCode c(b, loc, tiling.lanes);
    c.loop(index(0), item.rows, 1, {}, [&](Value r, ValueRange) {
      Value row = add(item.row, r);
      for (int64_t d = 0; d < head; d += c.kLine)
        c.prefetch(out, {div(row, group), c.remIndex(row, group), index(d)},
                   c.L2, /*toWrite=*/true);
      return TileCode::Values();
    });
  }

  /// The state of a tile after the item's keys. Sinks count `withSinks`, where
  /// that is given.
  RowState runTile(Item &item, const AttentionTile &tile,
                   Value withSinks = {}) {
    int64_t rows = tile.rows, lanes = tiling.lanes;
    Value keyHead =
        perHead ? div(item.headIndex, heads / kvHeads) : item.headIndex;
    Value firstHead = mul(item.headIndex, index(group));
    Value q = views.queries(item.segment, firstHead, group);
    auto [k, v] = views.keysAndValues(item.segment, keyHead);
    auto tileOf = [&](int64_t offset, int64_t size) {
      if (tile.keysInLanes)
        return views.scratch(
            offset, {rows, static_cast<int64_t>(llvm::alignTo(size, lanes))});
      return views.scratch(offset, {size, rows});
    };
    Value qt = tileOf(scratch.queries, head), o = tileOf(scratch.out, head);
    Value s = tileOf(scratch.scores, tile.keys);

    Value m = views.scratch(scratch.m, {rows}),
          mx = views.scratch(scratch.mx, {rows});
    Value l = views.scratch(scratch.l, {rows}),
          alpha = views.scratch(scratch.alpha, {rows});

    // Scores are in units of log 2; a score rule sees them in their own units.
    auto mark = [&](Operation *made) {
      if (tile.keysInLanes)
        made->setAttr(kKeysInLanes, b.getUnitAttr());
    };
    double scale = op.getScale().convertToDouble() * (rule ? 1 : kLog2E);
    mark(TileLoadQueriesOp::create(b, loc, q, item.row, item.rows, qt,
                                   llvm::APFloat(scale), lanes));
    Value positions;
    if (rule || !op.getMask().allowsAll()) {
      positions = views.scratch(scratch.positions, {rows}, b.getI32Type());
      mark(TilePositionsOp::create(b, loc, item.row, item.rows,
                                   item.segment.past, group, positions, lanes));
    }
    Value sinks = op.getSinks() ? views.sinks(firstHead, group) : Value();
    auto start = [&](Value sinks) {
      mark(TileStartOp::create(b, loc, m, mx, l, o, sinks,
                               sinks ? item.row : Value(), lanes));
    };
    if (sinks && withSinks)
      when(withSinks, [&] { start(sinks); }, [&] { start({}); });
    else
      start(sinks);

    SmallVector<Value> full = fullRanges(item);
    bool masked = tables.any() || llvm::any_of(loops, [](TileLoopAttr loop) {
                    return !loop.getFull();
                  });
    auto overBlocks = [&](Value from, Value to) {
      scf::ForOp::create(
          b, loc, from, to, index(tile.keys), ValueRange{},
          [&](OpBuilder &, Location, Value key, ValueRange) {
            Value count =
                arith::MinSIOp::create(b, loc, index(tile.keys), sub(to, key));
            auto scores = TileScoresOp::create(
                b, loc, qt, k, key, count, mx, s,
                masked ? full : SmallVector<Value>(), positions, Value(),
                tile.keyTile, lanes, StringAttr(), FloatAttr());
            mark(scores);
            if (rule)
              emitRule(scores.getMap(), item);
            if (masked)
              emitMaskRegion(scores.getMask(), item);
            mark(TileSoftmaxOp::create(b, loc, s, count, m, mx, l, alpha,
                                       Value(), tile.keyTile, lanes,
                                       FloatAttr()));
            mark(TileCombineOp::create(b, loc, s, v, key, count, alpha, o,
                                       tile.headTile, lanes, StringAttr()));
            scf::YieldOp::create(b, loc);
          });
    };
    // The keys of few rows come in spans already.
    if (tile.keysInLanes) {
      overRuns(item, overBlocks);
      return {m, l, o};
    }
    LongRows sums(TileCode(b, loc, lanes), {m, l, o},
                  {views.scratch(scratch.totalM, {rows}),
                   views.scratch(scratch.totalL, {rows}),
                   tileOf(scratch.total, head)},
                  views.scratch(scratch.usesTotal, {1}, b.getI64Type()));
    overRuns(item, [&](Value from, Value to) {
      sums.overKeys(from, to, 16 * tile.keys, overBlocks);
    });
    sums.finish();
    return {m, l, o};
  }

  //===--- Atoms of bf16: a block of keys is packed for all strips ---===//

  Value strips(const Item &item) {
    int64_t rows = tiling.tiles.front().rows;
    return ceilDiv(item.rows, index(rows));
  }

  /// Calls body for each strip of an item: `part` has the strip's own rows and
  /// key ranges, `strip` is where its scratch lies.
  void overStrips(Item &item,
                  llvm::function_ref<void(Item &part, Value strip)> body) {
    int64_t rows = tiling.tiles.front().rows;
    loopOver(index(0), strips(item), 1, [&](Value number) {
      Item part = item;
      Value before = mul(number, index(rows));
      part.row = add(item.row, before);
      part.rows = minimum(index(rows), sub(item.rows, before));
      findRanges(part);
      body(part, mul(number, index(scratch.strip)));
    });
  }

  /// What a strip has in scratch.
  struct StripState {
    Value qt, o, s, p, m, mx, l, alpha, positions;
  };
  StripState stripState(const AttentionTile &tile, Value strip) {
    int64_t rows = tile.rows;
    Type bf16 = b.getBF16Type();
    auto own = [&](int64_t offset, ArrayRef<int64_t> sizes, Type type = {}) {
      return views.scratch(add(index(offset), strip), sizes, type);
    };
    StripState state;
    state.qt = own(scratch.queries, {tiling.depth / 2, 2 * rows}, bf16);
    state.o = own(scratch.out, {head, rows});
    state.s = views.scratch(scratch.scores, {tile.keys, rows});
    // Weights take the place of their scores.
    state.p = views.scratch(scratch.scores, {tile.keys / 2, 2 * rows}, bf16);
    state.m = own(scratch.m, {rows});
    state.mx = own(scratch.mx, {rows});
    state.l = own(scratch.l, {rows});
    state.alpha = views.scratch(scratch.alpha, {rows});
    if (rule || !op.getMask().allowsAll())
      state.positions = own(scratch.positions, {rows}, b.getI32Type());
    return state;
  }

  void
  withTile(Item &part, Value strip,
           llvm::function_ref<void(const AttentionTile &, const StripState &)>
               body) {
    withSmallest(tiling.rowTiles(), part.rows, [&](const AttentionTile &tile) {
      body(tile, stripState(tile, strip));
    });
  }

  /// Whether a strip needs the mask: keys that its tile visits may be none of
  /// its own.
  bool stripsAreMasked() {
    return tables.any() || loops.size() > 1 ||
           llvm::any_of(loops, [](TileLoopAttr loop) {
             auto usesRows = [](AffineMap map) {
               return map.isFunctionOfSymbol(0) || map.isFunctionOfSymbol(1);
             };
             return !loop.getFull() || usesRows(loop.getLower()) ||
                    usesRows(loop.getUpper());
           });
  }

  /// The least range that holds all of an item's.
  std::pair<Value, Value> hull(Item &item) {
    auto [from, to] = item.ranges[0];
    for (auto [first, last] : llvm::drop_begin(item.ranges)) {
      Value least = select(equal(first, last), from, minimum(from, first));
      from = select(equal(from, to), first, least);
      to = maximum(to, last);
    }
    return {from, to};
  }

  void computeStrips(Item &item) {
    int64_t lanes = tiling.lanes;
    Value keyHead =
        perHead ? div(item.headIndex, heads / kvHeads) : item.headIndex;
    Value firstHead = mul(item.headIndex, index(group));
    Value q = views.queries(item.segment, firstHead, group),
          out = views.outputs(item.segment, firstHead, group);
    auto [keys, values] = views.keysAndValues(item.segment, keyHead);
    Value k = keys, v = values; // lambdas capture no binding
    Value sinks = op.getSinks() ? views.sinks(firstHead, group) : Value();
    StringAttr atom = b.getStringAttr(tiling.atom);
    // Queries keep their bits: their scores are scaled, by the softmax on its
    // way where nothing else looks at them.
    double scale = op.getScale().convertToDouble() * (rule ? 1 : kLog2E);
    bool late = !rule && !sinks && scale > 0 && scale <= 1;
    FloatAttr ofScores = late ? FloatAttr() : b.getF64FloatAttr(scale),
              ofSoftmax = late ? b.getF64FloatAttr(scale) : FloatAttr();
    overStrips(item, [&](Item &part, Value strip) {
      withTile(part, strip, [&](const AttentionTile &, const StripState &s) {
        TileLoadQueriesOp::create(b, loc, q, part.row, part.rows, s.qt,
                                  llvm::APFloat(1.0), lanes);
        if (s.positions)
          TilePositionsOp::create(b, loc, part.row, part.rows,
                                  part.segment.past, group, s.positions, lanes);
        TileStartOp::create(b, loc, s.m, s.mx, s.l, s.o, sinks,
                            sinks ? part.row : Value(), lanes);
      });
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
    overRuns(item, [&](Value first, Value last) {
      loopOver(first, last, tiling.keys, [&](Value key) {
        Value end = minimum(add(key, index(tiling.keys)), last), kp = k;
        if (packsKeys) {
          kp = views.scratch(scratch.packedKeys, {tiling.keys, tiling.depth},
                             bf16);
          TilePackKeysOp::create(b, loc, k, key, sub(end, key), kp, lanes);
        }
        TilePackValuesOp::create(b, loc, v, key, sub(end, key), vp, atom,
                                 lanes);
        overStrips(item, [&](Item &part, Value strip) {
          // The strip's own keys of the block, from a whole step of the atom.
          auto [lowest, highest] = hull(part);
          Value from = maximum(lowest, key), to = minimum(highest, end);
          from = sub(from, arith::RemUIOp::create(b, loc, sub(from, key),
                                                  index(tiling.step)));
          Value count = sub(to, from);
          auto visit = [&](const AttentionTile &tile, const StripState &s) {
            auto scores = TileScoresOp::create(
                b, loc, s.qt, kp, from, count, s.mx, s.s,
                masked ? fullRanges(part) : SmallVector<Value>(), s.positions,
                packsKeys ? key : Value(), tile.keyTile, lanes, atom, ofScores);
            if (rule)
              emitRule(scores.getMap(), part);
            if (masked)
              emitMaskRegion(scores.getMask(), part);
            TileSoftmaxOp::create(b, loc, s.s, count, s.m, s.mx, s.l, s.alpha,
                                  s.p, tile.keyTile, lanes, ofSoftmax);
            TileCombineOp::create(b, loc, s.p, vp, sub(from, key), count,
                                  s.alpha, s.o, tile.headTile, lanes, atom);
          };
          when(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, from,
                                     to),
               [&] { withTile(part, strip, visit); });
        });
      });
    });
    overStrips(item, [&](Item &part, Value strip) {
      withTile(part, strip, [&](const AttentionTile &, const StripState &s) {
        TileStoreOp::create(b, loc, s.o, s.l, out, part.row, part.rows, lanes);
      });
    });
  }

  /// Bounds of the ranges in which every pair is allowed.
  SmallVector<Value> fullRanges(Item &item) {
    SmallVector<Value> full;
    for (auto [from, to] : item.full)
      full.append({from, to});
    return full;
  }

  void loopOver(Value from, Value to, int64_t step,
                llvm::function_ref<void(Value i)> body) {
    scf::ForOp::create(b, loc, from, to, index(step), ValueRange{},
                       [&](OpBuilder &, Location, Value i, ValueRange) {
                         body(i);
                         scf::YieldOp::create(b, loc);
                       });
  }

  /// Calls body once, in a loop over the runs of keys: the ranges, with those
  /// that touch joined.
  void overRuns(Item &item,
                llvm::function_ref<void(Value from, Value to)> body) {
    if (item.ranges.size() == 1)
      return body(item.ranges[0].first, item.ranges[0].second);
    int64_t count = item.ranges.size();
    Value ranges =
        views.scratch(scratch.ranges, {count + 1, 2}, b.getI64Type());
    auto put = [&](int64_t i, int64_t bound, Value value) {
      memref::StoreOp::create(
          b, loc, arith::IndexCastOp::create(b, loc, b.getI64Type(), value),
          ranges, ValueRange{index(i), index(bound)});
    };
    for (auto [i, range] : llvm::enumerate(item.ranges)) {
      put(i, 0, range.first);
      put(i, 1, range.second);
    }
    // A range that touches nothing ends the last run.
    put(count, 0, index(-1));
    put(count, 1, index(0));
    auto get = [&](Value i, int64_t bound) -> Value {
      Value value =
          memref::LoadOp::create(b, loc, ranges, ValueRange{i, index(bound)});
      return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
    };
    scf::ForOp::create(
        b, loc, index(0), index(count + 1), index(1),
        ValueRange{index(0), index(0)},
        [&](OpBuilder &, Location, Value i, ValueRange span) {
          Value from = get(i, 0), to = get(i, 1), first = span[0],
                last = span[1];
          Value touches = arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::eq, from, last);
          Value isEmpty =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, from, to);
          Value keeps = arith::OrIOp::create(b, loc, touches, isEmpty);
          scf::IfOp::create(
              b, loc, keeps,
              [&](OpBuilder &, Location) { scf::YieldOp::create(b, loc); },
              [&](OpBuilder &, Location) {
                body(first, last);
                scf::YieldOp::create(b, loc);
              });
          Value newFirst = arith::SelectOp::create(b, loc, keeps, first, from);
          Value newLast = arith::SelectOp::create(b, loc, isEmpty, last, to);
          scf::YieldOp::create(b, loc, ValueRange{newFirst, newLast});
        });
  }

  /// The score rule, with tables as memrefs and the result in units of log 2.
  void emitRule(Region &region, Item &item) {
    OpBuilder::InsertionGuard guard(b);
    Type f32 = b.getF32Type(), i = b.getIndexType();
    Block *block =
        b.createBlock(&region, region.end(), {f32, i, i}, {loc, loc, loc});
    Block &source = op.getScore().front();
    IRMapping values;
    values.map(source.getArgument(0), block->getArgument(0));
    values.map(source.getArgument(1), block->getArgument(1));
    values.map(source.getArgument(2), block->getArgument(2));
    values.map(source.getArgument(3), item.headIndex);
    values.map(source.getArgument(4), item.segment.number);
    for (Operation &inner : source.without_terminator()) {
      if (auto lookup = dyn_cast<LookupOp>(inner))
        values.map(lookup.getResult(), views.lookup(lookup, values));
      else
        b.clone(inner, values);
    }
    Value score = values.lookupOrDefault(source.getTerminator()->getOperand(0));
    Value log2e = arith::ConstantOp::create(
        b, loc, b.getF32FloatAttr(static_cast<float>(kLog2E)));
    YieldOp::create(b, loc,
                    ValueRange{arith::MulFOp::create(b, loc, score, log2e)});
  }

  void emitMaskRegion(Region &region, Item &item) {
    OpBuilder::InsertionGuard guard(b);
    Type i = b.getIndexType();
    Block *block = b.createBlock(&region, region.end(), {i, i}, {loc, loc});
    Value q = block->getArgument(0), kv = block->getArgument(1);
    SmallVector<Value> symbols = item.symbols;
    for (auto [symbol, value] : llvm::zip(op.getMask().getSymbols(), symbols))
      if (symbol.isOpaque())
        value = views.opaqueSymbol(symbol, item.segment, q, kv);
    YieldOp::create(b, loc,
                    ValueRange{emitMask(b, loc, op.getMask(), q, kv, symbols)});
  }

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) {
    return b.createOrFold<arith::AddIOp>(loc, x, y);
  }
  Value sub(Value x, Value y) {
    return b.createOrFold<arith::SubIOp>(loc, x, y);
  }
  Value mul(Value x, Value y) {
    return b.createOrFold<arith::MulIOp>(loc, x, y);
  }
  Value minimum(Value x, Value y) {
    return b.createOrFold<arith::MinSIOp>(loc, x, y);
  }
  Value maximum(Value x, Value y) {
    return b.createOrFold<arith::MaxSIOp>(loc, x, y);
  }
  Value select(Value condition, Value yes, Value no) {
    return b.createOrFold<arith::SelectOp>(loc, condition, yes, no);
  }
  Value both(Value x, Value y) {
    return b.createOrFold<arith::AndIOp>(loc, x, y);
  }
  Value equal(Value x, Value y) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
  }
  /// Of values that are not negative.
  Value ceilDiv(Value x, Value y) {
    Value above = sub(add(x, y), index(1));
    return arith::DivUIOp::create(b, loc, above, y);
  }
  void when(Value condition, llvm::function_ref<void()> yes,
            llvm::function_ref<void()> no = nullptr) {
    auto branch = [&](llvm::function_ref<void()> body) {
      return [&, body](OpBuilder &, Location) {
        body();
        scf::YieldOp::create(b, loc);
      };
    };
    if (no)
      scf::IfOp::create(b, loc, condition, branch(yes), branch(no));
    else
      scf::IfOp::create(b, loc, condition, branch(yes));
  }
  Value div(Value x, int64_t y) {
    return y == 1 ? x : b.createOrFold<arith::DivUIOp>(loc, x, index(y));
  }

  AttentionOp op;
  AttentionViews &views;
  OpBuilder &b;
  Location loc;
  TableRanges tables;
  AttentionTiling tiling;
  AttentionScratch scratch;
  int64_t head, heads, kvHeads, group;
  bool perHead, rule;
  const AttentionTile *few; // null where no item is cut into spans
  SmallVector<TileLoopAttr> loops;
  Value total, threads, thread;
};

/// What the kernel asks of the op beyond the op's own verifier.
LogicalResult checkSupported(AttentionOp op, const AttentionTiling &tiling) {
  auto isFloat = [&](Type type) {
    return type.isF32() || (tiling.isPacked() && type.isBF16());
  };
  for (Value value :
       std::initializer_list<Value>{op.getQ(), op.getK(), op.getV()}) {
    if (auto cache = dyn_cast<CacheType>(value.getType())) {
      if (!cache.getElement().isF32())
        return op.emitOpError("has a kernel for f32 caches only so far");
      continue;
    }
    auto tensor = cast<RankedTensorType>(value.getType());
    if (!isFloat(tensor.getElementType()))
      return op.emitOpError(
          "has a kernel for f32 tensors, and for bf16 with an "
          "atom of bf16 and heads of even size from 16 on");
    if (axisNames(tensor).empty() ||
        axisNames(tensor).back().getValue() != axis::Head ||
        ShapedType::isDynamic(tensor.getShape().back()))
      return op.emitOpError(
          "needs tensors whose last axis is `head`, of a known size");
    if (ShapedType::isDynamic(axisSize(tensor, axis::Heads)))
      return op.emitOpError("needs a known number of heads");
  }
  for (Value table : op.getTables())
    if (!cast<RankedTensorType>(table.getType()).getElementType().isInteger(32))
      return op.emitOpError("needs mask tables of i32");
  for (MaskSymbolAttr symbol : op.getMask().getSymbols())
    if (symbol.getIndex() == SymbolIndex::Key &&
        isa<CacheType>(op.getK().getType()))
      return op.emitOpError()
             << "the mask looks up `" << symbol.getTable().getValue()
             << "` by key, but keys of earlier calls are in the cache and "
                "their entries are not";
  return success();
}
} // namespace

AttentionKernels emitAttentionKernels(OpBuilder &moduleBuilder, AttentionOp op,
                                      TargetAttr target, StringRef name) {
  if (failed(checkSupported(op, AttentionTiling::choose(op, target))))
    return {};
  SmallVector<AttentionArg> args = attentionArguments(op);
  SmallVector<Type> types;
  for (const AttentionArg &arg : args)
    types.push_back(arg.type);
  auto function = [&](const Twine &name, void (KernelEmitter::*emit)()) {
    auto func = func::FuncOp::create(moduleBuilder, op.getLoc(), name.str(),
                                     moduleBuilder.getFunctionType(types, {}));
    func.setPrivate();
    OpBuilder b = OpBuilder::atBlockBegin(func.addEntryBlock());
    AttentionViews views(op, args, func.getArguments(), b);
    KernelEmitter emitter(op, target, views, b);
    (emitter.*emit)();
    func::ReturnOp::create(b, op.getLoc());
    return func;
  };
  AttentionKernels kernels;
  kernels.compute = function(name, &KernelEmitter::emitCompute);
  if (AttentionTiling::choose(op, target).fewRows())
    kernels.join = function(name + "_join", &KernelEmitter::emitJoin);
  return kernels;
}

int64_t attentionScratchBytes(AttentionOp op, TargetAttr target) {
  return AttentionScratch(op, AttentionTiling::choose(op, target)).bytes;
}

} // namespace heed::attn
