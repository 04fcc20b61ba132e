//===- AttentionKernel.cpp - The kernel of one attention, in tiled form ---===//
#include "codegen/attention/AttentionKernel.h"
#include "codegen/attention/AttentionFewRows.h"
#include "codegen/attention/AttentionRules.h"
#include "codegen/attention/AttentionStrips.h"
#include "codegen/attention/KeySpans.h"
#include "codegen/attention/LongRows.h"
#include "ir/Axes.h"

using namespace mlir;

namespace heed::attn {

namespace {
class KernelEmitter : AttentionStrips {
public:
  using AttentionStrips::AttentionStrips;

  /// This thread's part of all items.
  void emitCompute() {
    findTotal();
    overItems(index(0), [&](AttentionItem &item, Value before) {
      return overSpans(item, before,
                       [&](AttentionItem &span, Value i, Value before) {
                         Value mine = equal(owner(before, cost(span)), thread);
                         when(mine, [&] {
                           if (!few)
                             return computeWith(item, tiling.rowTiles());
                           when(
                               isFew(item), [&] { computeSpan(item, span, i); },
                               [&] { computeWith(item, tiling.rowTiles()); });
                         });
                       });
    });
  }

  /// Joins the spans of the items that this thread began and others ended.
  void emitJoin() {
    findTotal();
    overItems(index(0), [&](AttentionItem &item, Value before) {
      Value first = firstOwner(item, before), last = lastOwner(item, before);
      Value shared =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, first, last);
      when(both(equal(first, thread), shared), [&] {
        TileCode c(b, loc, tiling.lanes);
        RowState state = ownState();
        clearState(c, state, item.rows);
        overSpans(
            item, before, [&](AttentionItem &span, Value i, Value before) {
              Value from = owner(before, cost(span));
              Value goesOn = arith::CmpIOp::create(
                  b, loc, arith::CmpIPredicate::ne, from, first);
              Value away = mul(sub(from, thread),
                               views.get(AttentionArgKind::ScratchStride));
              joinState(c, slot(i, goesOn, away), state, item.rows);
            });
        storeFewRows(*this, item);
      });
      return add(before, cost(item));
    });
  }

private:
  void findTotal() {
    threads = views.get(AttentionArgKind::Threads);
    thread = views.get(AttentionArgKind::Thread);
    total = overItems(index(0), [&](AttentionItem &item, Value sum) {
      return add(sum, cost(item));
    });
  }

  /// The thread of the middle of a piece of work, where the whole work is
  /// `threads` equal parts.
  Value owner(Value before, Value work) {
    Value middle = mul(add(add(before, before), work), threads);
    return arith::DivUIOp::create(b, loc, middle, add(total, total));
  }
  Value firstOwner(AttentionItem &item, Value before) {
    return owner(before, cost(spanOf(item, index(0))));
  }
  Value lastOwner(AttentionItem &item, Value before) {
    Value work = cost(spanOf(item, sub(item.spans, index(1))));
    return owner(sub(add(before, cost(item)), work), work);
  }

  /// One span of an item of few rows: its state goes to the span's slot.
  /// Whoever has all spans of an item joins them at once.
  void computeSpan(AttentionItem &item, AttentionItem &span, Value i) {
    computeFewRows(*this, span, equal(i, index(0)));
    Value first = firstOwner(item, item.before),
          last = lastOwner(item, item.before);
    TileCode c(b, loc, tiling.lanes);
    Value goesOn =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, first, thread);
    // Who has all spans is done with the last of them.
    Value isLast = equal(i, sub(item.spans, index(1)));
    Value isDone = both(isLast, equal(first, last));
    Value alone = both(isDone, equal(item.spans, index(1)));
    when(
        alone, [] {},
        [&] {
          copyState(c, ownState(), slot(i, goesOn, index(0)), item.rows);
          when(isDone, [&] {
            RowState state = ownState();
            clearState(c, state, item.rows);
            scf::ForOp::create(
                b, loc, index(0), item.spans, index(1), ValueRange{},
                [&](OpBuilder &, Location, Value j, ValueRange) {
                  joinState(c, slot(j, goesOn, index(0)), state, item.rows);
                  scf::YieldOp::create(b, loc);
                });
          });
        });
    when(isDone, [&] { storeFewRows(*this, item); });
  }

  /// The slot of span `i` in the scratch `away` bytes from this thread's.
  RowState slot(Value i, Value goesOn, Value away) {
    SpanSlots slots(*few, head, tiling.lanes);
    Value region = select(goesOn, index(slots.regionBytes()), index(0));
    Value offset = add(add(away, index(scratch.spans)),
                       add(region, mul(i, index(slots.slotBytes))));
    return slots.at(b, loc, views.get(AttentionArgKind::Scratch), offset);
  }
  RowState ownState() { return stateOfFewRows(*this); }

  void computeWith(AttentionItem &item, ArrayRef<AttentionTile> tiles) {
    if (tiling.isPacked())
      return computeStrips(item);
    Value out = views.outputs(item.segment, firstHead(item), group);
    askForOutput(item, out);
    RowState state = runTile(item, tiles);
    TileStoreOp::create(b, loc, state.o, state.l, out, item.row, item.rows,
                        tiling.lanes);
  }

  /// The lines that a tile writes at its end, all at once.
  void askForOutput(AttentionItem &item, Value out) {
    TileCode c(b, loc, tiling.lanes);
    c.loop(index(0), item.rows, 1, {}, [&](Value r, ValueRange) {
      Value row = add(item.row, r);
      for (int64_t d = 0; d < head; d += c.lineOf(out))
        c.prefetch(out, {div(row, group), c.remIndex(row, group), index(d)},
                   c.L2, /*toWrite=*/true);
      return TileCode::Values();
    });
  }

  /// The state of a tile after the item's keys: the smallest of `tiles`, in the
  /// memory of the first.
  RowState runTile(AttentionItem &item, ArrayRef<AttentionTile> tiles) {
    int64_t rows = tiles.front().rows, lanes = tiling.lanes;
    Value first = firstHead(item);
    Value q = views.queries(item.segment, first, group);
    auto [keys, values] = views.keysAndValues(item.segment, keyHead(item));
    Value k = keys, v = values; // lambdas capture no binding
    auto tileOf = [&](int64_t offset, int64_t size, int64_t rows) {
      return views.scratch(offset, {size, rows});
    };
    auto rowsOf = [&](int64_t offset, int64_t rows, Type type = {}) {
      return views.scratch(offset, {rows}, type);
    };
    Value qt = tileOf(scratch.queries, head, rows),
          o = tileOf(scratch.out, head, rows);
    Value m = rowsOf(scratch.m, rows), l = rowsOf(scratch.l, rows);
    // Scores are in units of log 2; a score rule sees them in their own units.
    double scale = op.getScale().convertToDouble() * (hasRule() ? 1 : kLog2E);
    TileLoadQueriesOp::create(b, loc, q, item.row, item.rows, qt,
                              llvm::APFloat(scale), lanes);
    Value positions;
    if (hasRule() || !op.getMask().allowsAll()) {
      positions = rowsOf(scratch.positions, rows, b.getI32Type());
      TilePositionsOp::create(b, loc, item.row, item.rows, item.segment.past,
                              group, positions, lanes);
    }
    Value sinks = op.getSinks() ? views.sinks(first, group) : Value();
    TileStartOp::create(b, loc, m, rowsOf(scratch.mx, rows), l, o, sinks,
                        sinks ? item.row : Value(), lanes);

    SmallVector<Value> full = fullRanges(item);
    bool masked = isMasked();
    auto block = [&](const AttentionTile &tile, Value key, Value count) {
      auto state = [&](int64_t offset) { return rowsOf(offset, tile.rows); };
      Value s = tileOf(scratch.scores, tile.keys, tile.rows),
            mx = state(scratch.mx), alpha = state(scratch.alpha);
      Value where = positions
                        ? rowsOf(scratch.positions, tile.rows, b.getI32Type())
                        : Value();
      auto scores = TileScoresOp::create(
          b, loc, firstColumns(qt, tile.rows), k, key, count, mx, s,
          masked ? full : SmallVector<Value>(), where, Value(), tile.keyTile,
          lanes, StringAttr(), FloatAttr());
      if (hasRule())
        emitRule(scores.getMap(), *this, item);
      if (masked)
        emitMask(scores.getMask(), *this, item);
      TileSoftmaxOp::create(b, loc, s, count, state(scratch.m), mx,
                            state(scratch.l), alpha, Value(), tile.keyTile,
                            lanes, FloatAttr());
      auto combine = TileCombineOp::create(b, loc, s, v, key, count, alpha,
                                           firstColumns(o, tile.rows),
                                           tile.headTile, lanes, StringAttr());
      markChains(scores, combine);
    };
    Value size = ofSmallest(tiles, item.rows, &AttentionTile::keys);
    auto overBlocks = [&](Value from, Value to) {
      loopOver(from, to, size, [&](Value key) {
        Value count = minimum(size, sub(to, key));
        withSmallest(tiles, item.rows, [&](const AttentionTile &tile) {
          block(tile, key, count);
        });
      });
    };
    auto overNeeded = [&](Value from, Value to) {
      overTiles(item, from, to, tiles, 1, overBlocks);
    };
    LongRows sums(TileCode(b, loc, lanes), {m, l, o},
                  {rowsOf(scratch.totalM, rows), rowsOf(scratch.totalL, rows),
                   tileOf(scratch.total, head, rows)},
                  rowsOf(scratch.usesTotal, 1, b.getI64Type()));
    sums.start();
    overRuns(item, [&](Value from, Value to) {
      sums.overKeys(from, to, mul(size, index(LongRows::kBlocks)), overNeeded);
    });
    sums.finish();
    return {m, l, o};
  }

  Value total, threads, thread;
};

/// What the kernel asks of the op beyond the op's own verifier.
LogicalResult checkSupported(AttentionOp op) {
  for (Value value :
       std::initializer_list<Value>{op.getQ(), op.getK(), op.getV()}) {
    if (auto cache = dyn_cast<CacheType>(value.getType())) {
      if (!cache.getElement().isF32())
        return op.emitOpError("has a kernel for f32 caches only so far");
      continue;
    }
    auto tensor = cast<RankedTensorType>(value.getType());
    if (Type element = tensor.getElementType();
        !element.isF32() && !element.isBF16())
      return op.emitOpError("has a kernel for tensors of f32 and bf16 only");
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
  if (failed(checkSupported(op)))
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
