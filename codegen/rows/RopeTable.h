//===- RopeTable.h - Cosines and sines of one position --------------------===//
#pragma once

#include "codegen/Emit.h"

namespace heed {

/// How many entries the table of a head has: whole vectors that repeat over
/// heads.
int64_t ropeTableSize(int64_t head);

/// Stores cos, then sin, of position * frequency for each element of a head to
/// `table` (f32, 2 * ropeTableSize). An element that its partner enters with a
/// minus sign has its sine negated, so y = x cos + partner sin. Angles are
/// reduced in f64: exact to f32 for any position.
void emitRopeTable(Emit &e, attn::RopeOp op, mlir::Value position,
                   mlir::Value table);

/// Element e's partner, as a difference to e (0 where nothing turns).
llvm::SmallVector<int32_t> ropePartners(attn::RopeOp op, int64_t head);

} // namespace heed
