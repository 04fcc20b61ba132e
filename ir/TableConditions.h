//===- TableConditions.h - What a mask asks of per-token tables -----------===//
//
// The tile bounds of an attention are those of its mask without its table
// conditions: a full range is full where they hold. Who runs the loops looks at
// the tables (codegen/attention/TableRanges.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// A mask as `rest` and `conditions`: a pair is allowed when one of the sets
/// and all of the conditions hold.
struct TableConditions {
  llvm::SmallVector<mlir::IntegerSet>
      rest; ///< dims (q, kv), the mask's symbols
  /// Over the mask's symbols: linear, each reads at most one table by query and
  /// one by key, and at least one of them. For fixed q a condition is then a
  /// bound of one table's values: where that table is sorted, a range of keys.
  llvm::SmallVector<mlir::AffineExpr> conditions;
  llvm::SmallVector<bool> isEquality;
};

/// Takes out of the mask the conditions on per-token tables that stand in all
/// of its disjuncts, as `doc[q] == doc[kv]` or `keep[kv] == 1`.
TableConditions splitTableConditions(MaskAttr mask);

} // namespace heed::attn
