//===- TablePairs.h - Pairs of an attention whose tables are known --------===//
#pragma once

#include "passes/PairCounts.h"

namespace heed {

/// The values of tensors of integers by position.
using TableValues = llvm::DenseMap<mlir::Value, std::vector<int64_t>>;

/// Pairs of one head of an attention whose mask looks at tables: the allowed
/// ones, and those that each tile visits where the kernel finds the keys by
/// binary search (codegen/attention/TableRanges.h). nullopt where a table has
/// no values, or more axes than one, where tiles of keys are asked for, and for
/// so many pairs that it would take seconds.
std::optional<PairCounts> countPairsOfTables(attn::AttentionOp op,
                                             int64_t queries, int64_t keys,
                                             int64_t tileQueries,
                                             const TableValues &tables);

} // namespace heed
