//===- KeySpans.h - The keys of a few rows, shared by threads -------------===//
//
// One query of a few kv heads is too little work to deal out by heads alone, so
// its keys are cut into spans. Each span has a softmax of its own, whose state
// (m, l, o) of R rows goes to a slot of the thread's scratch; states are then
// joined in the order of the keys:
//
//   m = max(m1, m2)   l = l1 2^(m1 - m) + l2 2^(m2 - m)   o likewise
//
// (Milakov and Gimelshein, 2018; Dao et al., Flash-Decoding, 2023). Where spans
// begin depends on the mask's range alone: a result does not depend on how many
// threads there are. A thread's spans are contiguous, so at most two of its
// query tiles are shared with others: the one that it begins last, and the one
// that it goes on with. Each has its own slots.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/AttentionTiling.h"
#include "codegen/attention/TileLowering.h"

namespace heed::attn {

/// The state of a tile of few rows: m, l [rows] and o [rows, head up to whole
/// vectors].
struct RowState {
  mlir::Value m, l, o;
};

/// Where a tile's slots lie in a thread's scratch.
struct SpanSlots {
  static constexpr int64_t most = 32; // spans of a query tile

  SpanSlots(const AttentionTile &tile, int64_t head, int64_t lanes);
  /// Of all slots of one query tile; a thread has two such regions.
  int64_t regionBytes() const { return most * slotBytes; }
  /// The state in the slot at byte `offset` of `scratch`, which may lie in
  /// another thread's part.
  RowState at(mlir::OpBuilder &b, mlir::Location loc, mlir::Value scratch,
              mlir::Value offset) const;

  int64_t rows, width, slotBytes;
};

/// Sets the state of the first `rows` rows to that of no key at all.
void clearState(const TileCode &c, const RowState &state, mlir::Value rows);
void copyState(const TileCode &c, const RowState &from, const RowState &to,
               mlir::Value rows);
/// Joins `other`'s keys to those of `state`.
void joinState(const TileCode &c, const RowState &other, const RowState &state,
               mlir::Value rows);

} // namespace heed::attn
