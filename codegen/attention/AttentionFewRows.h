//===- AttentionFewRows.h - Query tiles of few rows -----------------------===//
//
// Where rows are fewer than a vector has lanes, keys are in the lanes
// (KeysInLanes.h).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/AttentionItems.h"
#include "codegen/attention/KeySpans.h"

namespace heed::attn {

/// Computes the state of an item's rows after its keys. Sinks count where
/// `withSinks` holds.
void computeFewRows(AttentionItems &items, AttentionItem &item,
                    mlir::Value withSinks);
/// Where that state lies.
RowState stateOfFewRows(AttentionItems &items);
/// Writes the outputs of the state.
void storeFewRows(AttentionItems &items, AttentionItem &item);

} // namespace heed::attn
