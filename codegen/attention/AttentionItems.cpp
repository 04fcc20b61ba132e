//===- AttentionItems.cpp - The query tiles of an attention ---------------===//
#include "codegen/attention/AttentionItems.h"
#include "codegen/attention/KeySpans.h"
#include "codegen/attention/MaskCode.h"
#include "codegen/attention/TileLowering.h"
#include "ir/Axes.h"
#include "ir/Bands.h"

using namespace mlir;

namespace heed::attn {

AttentionItems::AttentionItems(AttentionOp op, TargetAttr target,
                               AttentionViews &views, OpBuilder &b)
    : IndexCode{b, op.getLoc()}, op(op), views(views), tables(op, views, b),
      keyTiles(op, b), tiling(AttentionTiling::choose(op, target)),
      scratch(op, tiling), head(axisSize(op.getQ().getType(), axis::Head)),
      heads(axisSize(op.getQ().getType(), axis::Heads)),
      kvHeads(views.keyHeads()), group(tiling.group),
      perHead(group != heads / kvHeads), few(tiling.fewRows()),
      onGrid(tiling.isPacked() && !tiling.inPairs() && !asksForTiles()) {
  if (auto bounds = op.getTileBounds())
    loops = llvm::to_vector(bounds->getLoops());
  else
    loops.push_back(everyKey(op.getMask().allowsAll()));
}

TileLoopAttr AttentionItems::everyKey(bool full) {
  unsigned symbols = 3 + op.getMask().getSymbols().size();
  MLIRContext *context = op.getContext();
  auto map = [&](AffineExpr expr) { return AffineMap::get(0, symbols, expr); };
  return TileLoopAttr::get(
      context, full, map(getAffineConstantExpr(0, context)),
      map(getAffineSymbolExpr(2, context)),
      IntegerSet::get(0, symbols, getAffineConstantExpr(0, context), true));
}

Value AttentionItems::overItems(
    Value start, llvm::function_ref<Value(AttentionItem &, Value)> body) {
  auto loop = [&](Value count, Value step, Value from,
                  llvm::function_ref<Value(Value, Value)> inner) -> Value {
    return scf::ForOp::create(
               b, loc, index(0), count, step, from,
               [&](OpBuilder &, Location, Value i, ValueRange carried) {
                 scf::YieldOp::create(b, loc, inner(i, carried[0]));
               })
        .getResult(0);
  };
  if (!itemRows)
    itemRows = chooseItemRows();
  Value one = index(1);
  return loop(views.segments(), one, start, [&](Value number, Value carried) {
    AttentionItem item;
    item.segment = views.segment(number);
    if (tables.any())
      tables.enter(item.segment);
    Value rows = mul(item.segment.queryLength, index(group));
    return loop(index(perHead ? heads : kvHeads), one, carried,
                [&](Value headIndex, Value carried) {
                  item.headIndex = headIndex;
                  return loop(rows, itemRows, carried,
                              [&](Value row, Value carried) {
                                item.row = row;
                                item.rows = minimum(itemRows, sub(rows, row));
                                findRanges(item);
                                findSpans(item);
                                return body(item, carried);
                              });
                });
  });
}

Value AttentionItems::chooseItemRows() {
  int64_t stripRows = tiling.tiles.front().rows;
  Value most = index(tiling.rows());
  if (tiling.strips == 1 || tiling.inPairs())
    return most;
  // For threads to share, or where rows far apart need other keys.
  constexpr int64_t fewest = 4, many = 8;
  auto rowsOf = [&](int64_t strips) {
    return index(std::min(strips, tiling.strips) * stripRows);
  };
  if (!onGrid)
    return rowsOf(many);
  Value strips =
      scf::ForOp::create(
          b, loc, index(0), views.segments(), index(1), index(0),
          [&](OpBuilder &, Location, Value number, ValueRange carried) {
            Value rows = mul(views.segment(number).queryLength, index(group));
            scf::YieldOp::create(
                b, loc, add(carried[0], ceilDiv(rows, index(stripRows))));
          })
          .getResult(0);
  // So that no thread waits long for the one with the last item.
  constexpr int64_t itemsOfThread = 8;
  Value threads = views.get(AttentionArgKind::Threads);
  Value share = div(mul(strips, index(perHead ? heads : kvHeads)),
                    mul(threads, index(itemsOfThread)));
  Value shared = maximum(minimum(mul(share, index(stripRows)), rowsOf(many)),
                         rowsOf(fewest));
  return select(equal(threads, index(1)), most, shared);
}

/// Keys of the smallest of some register tiles.
static int64_t leastKeys(ArrayRef<AttentionTile> tiles) {
  int64_t least = tiles.front().keyTile;
  for (const AttentionTile &tile : tiles)
    least = std::min(least, tile.keyTile);
  return least;
}

bool AttentionItems::asksForTiles() {
  return keyTiles.any(leastKeys(tiling.rowTiles()));
}

void AttentionItems::findRanges(AttentionItem &item) {
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
  item.q0 = add(past, div(item.row, group));
  item.q1 = add(add(past, div(lastRow, group)), index(1));
  SmallVector<Value> symbols{item.q0, item.q1, item.segment.keyLength};
  llvm::append_range(symbols, item.symbols);
  TableRanges::Found found;
  if (tables.any())
    found = tables.find(item.segment, symbols);
  for (TileLoopAttr loop : loops) {
    auto range = emitKeyRange(b, loc, loop, symbols);
    item.ranges.push_back(tables.any() ? tables.cut(range, found.some) : range);
    if (loop.getFull())
      item.full.push_back(tables.any() ? tables.cut(range, found.all) : range);
  }
}

void AttentionItems::findSpans(AttentionItem &item) {
  if (!few)
    return;
  Value lowest = item.segment.keyLength, highest = index(0);
  for (auto [from, to] : item.ranges) {
    Value some = less(from, to);
    lowest = select(some, minimum(lowest, from), lowest);
    highest = select(some, maximum(highest, to), highest);
  }
  auto atLeast = [&](Value value, int64_t least) {
    return maximum(value, index(least));
  };
  Value keys = atLeast(sub(highest, lowest), 1);
  // A span of one block would spend much of its time on its beginning and end.
  Value spanKeys =
      mul(atLeast(ceilDiv(keys, index(SpanSlots::most * few->keys)), 2),
          index(few->keys));
  item.firstKey = lowest;
  item.spanKeys = select(isFew(item), spanKeys, keys);
  item.spans = ceilDiv(keys, item.spanKeys);
}

Value AttentionItems::isFew(AttentionItem &item) {
  auto atMost = [&](Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, x, y);
  };
  Value isFew = both(atMost(item.rows, index(few->rows)),
                     atMost(index(tiling.lanes), item.segment.keyLength));
  // What an item's last rows are must not depend on how many it has.
  return onGrid ? both(isFew, equal(item.row, index(0))) : isFew;
}

AttentionItem AttentionItems::spanOf(AttentionItem &item, Value i) {
  AttentionItem span = item;
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

Value AttentionItems::overSpans(
    AttentionItem &item, Value before,
    llvm::function_ref<void(AttentionItem &span, Value i, Value before)> body) {
  item.before = before;
  if (!few) {
    body(item, index(0), before);
    return add(before, cost(item));
  }
  return scf::ForOp::create(
             b, loc, index(0), item.spans, index(1), before,
             [&](OpBuilder &, Location, Value i, ValueRange carried) {
               AttentionItem span = spanOf(item, i);
               body(span, i, carried[0]);
               scf::YieldOp::create(b, loc, add(carried[0], cost(span)));
             })
      .getResult(0);
}

Value AttentionItems::cost(const AttentionItem &item) {
  Value keys = few ? mul(item.spans, index(32)) : index(32);
  for (auto [from, to] : item.ranges)
    keys = add(keys, sub(to, from));
  return tiling.strips == 1 ? keys : mul(keys, strips(item));
}

Value AttentionItems::strips(const AttentionItem &item) {
  int64_t rows = tiling.tiles.front().rows;
  return ceilDiv(item.rows, index(rows));
}

void AttentionItems::withSmallest(
    ArrayRef<AttentionTile> tiles, Value rows,
    llvm::function_ref<void(const AttentionTile &)> body) {
  if (tiles.size() == 1)
    return body(tiles.front());
  when(
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, rows,
                            index(tiles[1].rows)),
      [&] { body(tiles.front()); },
      [&] { withSmallest(tiles.drop_front(), rows, body); });
}

Value AttentionItems::ofSmallest(ArrayRef<AttentionTile> tiles, Value rows,
                                 int64_t AttentionTile::*number) {
  Value found = index(tiles.front().*number);
  for (const AttentionTile &tile : tiles.drop_front())
    if (tile.*number != tiles.front().*number) {
      Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle,
                                         rows, index(tile.rows));
      found = select(fits, index(tile.*number), found);
    }
  return found;
}

Value AttentionItems::firstColumns(Value tile, int64_t count) {
  MemRefType type = cast<MemRefType>(tile.getType());
  if (type.getDimSize(1) == count)
    return tile;
  return memref::SubViewOp::create(b, loc, tile, ArrayRef<int64_t>{0, 0},
                                   {type.getDimSize(0), count}, {1, 1});
}

std::pair<Value, Value> AttentionItems::hull(AttentionItem &item) {
  auto [from, to] = item.ranges[0];
  for (auto [first, last] : llvm::drop_begin(item.ranges)) {
    Value least = select(equal(first, last), from, minimum(from, first));
    from = select(equal(from, to), first, least);
    to = maximum(to, last);
  }
  return {from, to};
}

SmallVector<Value> AttentionItems::fullRanges(AttentionItem &item) {
  SmallVector<Value> full;
  for (auto [from, to] : item.full)
    full.append({from, to});
  return full;
}

void AttentionItems::overRuns(
    AttentionItem &item, int64_t offset,
    llvm::function_ref<void(Value from, Value to)> body) {
  if (item.ranges.size() == 1)
    return body(item.ranges[0].first, item.ranges[0].second);
  int64_t count = item.ranges.size();
  Value ranges = views.scratch(offset, {count + 1, 2}, b.getI64Type());
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
        Value from = get(i, 0), to = get(i, 1), first = span[0], last = span[1];
        Value touches =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, from, last);
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

void AttentionItems::markChains(TileScoresOp scores, TileCombineOp combine) {
  auto mark = [&](StringRef scoresAs, bool shortSums) {
    scores->setAttr(scoresAs, b.getUnitAttr());
    if (shortSums)
      combine->setAttr(kShortChains, b.getUnitAttr());
  };
  // A maximum that starts at a sink does not tell where a row begins.
  if (op.getSinks()) {
    combine->setAttr(kOftenBegins, b.getUnitAttr());
    return mark(kShortChains, true);
  }
  if (!seesFewKeys(op)) {
    if (tables.any()) {
      mark(kOftenBegins, true);
      if (tiling.isPacked())
        mark(kShortChains, true);
    } else if (!op.getMask().allowsAll())
      mark(kOftenBegins, false);
    return;
  }
  // Other masks visit short runs of keys, and strips see the ends of blocks
  // first: the maximum says little yet.
  bool isPlain = isBanded(op) && !hasRule() && !tiling.isPacked();
  mark(isPlain ? kChainsFromMaximum : kShortChains, true);
}

void AttentionItems::overTiles(
    AttentionItem &item, Value from, Value to, ArrayRef<AttentionTile> tiles,
    int64_t step, llvm::function_ref<void(Value from, Value to)> body) {
  int64_t least = leastKeys(tiles);
  if (!keyTiles.any(least))
    return body(from, to);
  Value keys = ofSmallest(tiles, item.rows, &AttentionTile::keyTile);
  keyTiles.overRuns(item.q0, item.q1, item.symbols, from, to, {keys, least},
                    step, body);
}

} // namespace heed::attn
