//===- TableRanges.h - Keys that a mask's tables allow, found when it runs ===//
//
// A condition `a t[kv] + h(q) >= 0` on a table t that is sorted along the keys
// (up or down) holds for a range of keys whose ends a binary search finds. For
// a tile of queries the least and the greatest h give the keys that meet it
// with some query and those that meet it with every one. `doc[q] == doc[kv]` is
// two such conditions, `keep[kv] == 1` as well.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/AttentionViews.h"
#include "ir/TableConditions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace heed::attn {

class TableRanges {
public:
  using Range = std::pair<mlir::Value, mlir::Value>;

  TableRanges(AttentionOp op, AttentionViews &views, mlir::OpBuilder &b);

  /// False when the mask has no conditions on tables.
  bool any() const { return !conditions.empty(); }

  /// Finds which tables are sorted along the segment's keys. O(keys), once a
  /// segment.
  void enter(const Segment &segment);

  /// The keys that meet the conditions with some query at the positions
  /// q0 <= q < q1, and those that meet them with all: all keys and none, where
  /// a table is not sorted. `symbols` are those of the tile loops.
  struct Found {
    Range some, all;
  };
  Found find(const Segment &segment, mlir::ValueRange symbols);

  /// The part of a range within another; 0, 0 when there is none.
  Range cut(Range range, Range within);

private:
  /// One inequality a t[kv] + h >= 0; t is the table of symbol `key`, -1 when
  /// none is read.
  struct Condition {
    int key;
    int64_t factor;
    mlir::AffineExpr rest; ///< h, over the mask's symbols
  };
  Range whereAtLeast(const Segment &segment, const Condition &condition,
                     mlir::Value least);
  Range always(const Segment &segment);
  Range none();
  /// Of h over the tile's queries.
  std::pair<mlir::Value, mlir::Value> extent(const Segment &segment,
                                             const Condition &condition,
                                             mlir::ValueRange symbols);
  mlir::Value entry(const Segment &segment, int symbol, mlir::Value kv);
  mlir::Value index(int64_t value);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value x,
                      mlir::Value y);
  Range select(mlir::Value condition, Range x, Range y);

  AttentionOp op;
  AttentionViews &views;
  mlir::OpBuilder &b;
  mlir::Location loc;
  llvm::SmallVector<Condition> conditions;
  mlir::Value sorted; ///< i1, of the segment that was entered
};

} // namespace heed::attn
