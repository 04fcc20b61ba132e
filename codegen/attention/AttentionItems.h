//===- AttentionItems.h - The query tiles of an attention -----------------===//
#pragma once

#include "codegen/attention/AttentionTiling.h"
#include "codegen/attention/AttentionViews.h"
#include "codegen/attention/IndexCode.h"
#include "codegen/attention/KeyTiles.h"
#include "codegen/attention/TableRanges.h"

namespace heed::attn {

/// One query tile of one head (or kv head) of one segment, with all or some of
/// its keys.
struct AttentionItem {
  using Value = mlir::Value;
  Segment segment;
  Value headIndex, row, rows;
  Value q0, q1;                                      // q0 <= q < q1
  llvm::SmallVector<Value> symbols;                  // of the mask
  llvm::SmallVector<std::pair<Value, Value>> ranges; // of keys, one a loop
  llvm::SmallVector<std::pair<Value, Value>> full;   // keys that need no mask
  // Spans of `spanKeys` keys from `firstKey` on; one where rows are many.
  Value spans, spanKeys, firstKey;
  Value before; // the work before the item
};

/// What a kernel knows of its attention, and loops over its items.
struct AttentionItems : IndexCode {
  AttentionItems(AttentionOp op, TargetAttr target, AttentionViews &views,
                 mlir::OpBuilder &b);

  /// Loops over all items with one value carried.
  Value overItems(Value start,
                  llvm::function_ref<Value(AttentionItem &, Value)> body);
  /// Fills the mask's symbols and the key ranges of a tile.
  void findRanges(AttentionItem &item);
  /// Keys visited, plus what each span costs by itself; for each strip.
  Value cost(const AttentionItem &item);

  /// Whether keys may be in lanes: rows are few, keys fill a vector.
  Value isFew(AttentionItem &item);
  /// Span `i` of an item.
  AttentionItem spanOf(AttentionItem &item, Value i);
  /// Calls body for each span of an item, with the work before it; returns the
  /// work up to the item's end.
  Value
  overSpans(AttentionItem &item, Value before,
            llvm::function_ref<void(AttentionItem &span, Value i, Value before)>
                body);

  Value strips(const AttentionItem &item);
  /// Calls body with the smallest tile that holds the rows; the largest is
  /// first.
  void withSmallest(llvm::ArrayRef<AttentionTile> tiles, Value rows,
                    llvm::function_ref<void(const AttentionTile &)> body);

  /// A number of the tile that withSmallest would take.
  Value ofSmallest(llvm::ArrayRef<AttentionTile> tiles, Value rows,
                   int64_t AttentionTile::*number);

  /// The first `count` columns of a tile in scratch.
  Value firstColumns(Value tile, int64_t count);

  /// The least range that holds all of an item's.
  std::pair<Value, Value> hull(AttentionItem &item);
  /// Bounds of the ranges in which every pair is allowed.
  llvm::SmallVector<Value> fullRanges(AttentionItem &item);
  /// Calls body once, in a loop over the runs of keys: the ranges, with those
  /// that touch joined.
  void overRuns(AttentionItem &item,
                llvm::function_ref<void(Value from, Value to)> body) {
    overRuns(item, scratch.ranges, body);
  }
  /// The same with the ranges at `offset` of the scratch meanwhile.
  void overRuns(AttentionItem &item, int64_t offset,
                llvm::function_ref<void(Value from, Value to)> body);

  /// Calls body once, for the parts of [from, to) that the item needs in tiles
  /// of keys of the smallest of `tiles`, which begin at from plus a multiple of
  /// `step`.
  void overTiles(AttentionItem &item, Value from, Value to,
                 llvm::ArrayRef<AttentionTile> tiles, int64_t step,
                 llvm::function_ref<void(Value from, Value to)> body);

  /// How the products of a block are summed (TileLowering.h).
  void markChains(TileScoresOp scores, TileCombineOp combine);

  /// Whether the mask forbids pairs that an item visits.
  bool isMasked() {
    return tables.any() || llvm::any_of(loops, [](TileLoopAttr loop) {
             return !loop.getFull();
           });
  }
  bool hasRule() { return !op.getScore().empty(); }
  Value firstHead(AttentionItem &item) {
    return mul(item.headIndex, index(group));
  }
  /// The kv head of an item's heads.
  Value keyHead(AttentionItem &item) {
    return perHead ? div(item.headIndex, heads / kvHeads) : item.headIndex;
  }

  AttentionOp op;
  AttentionViews &views;
  TableRanges tables;
  KeyTiles keyTiles;
  AttentionTiling tiling;
  AttentionScratch scratch;
  int64_t head, heads, kvHeads, group;
  bool perHead;
  const AttentionTile *few; // null where no item is cut into spans
  /// Whether blocks of keys begin at multiples of the tiling's keys, whichever
  /// rows share them: then an item may have fewer strips, and a row's sums are
  /// the same. Not so where keys are asked for by tile.
  bool onGrid;
  llvm::SmallVector<TileLoopAttr> loops;

private:
  TileLoopAttr everyKey(bool full);
  /// Whether keys are asked for by tile.
  bool asksForTiles();
  /// Rows of an item: fewer than the tiling's where threads share items.
  Value chooseItemRows();
  /// How many spans an item has: by its keys alone.
  void findSpans(AttentionItem &item);

  Value itemRows; // in the function that is being built
};

} // namespace heed::attn
