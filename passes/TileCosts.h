//===- TileCosts.h - Tile sizes from a target's registers and caches ------===//
//
// The model, all of it: accumulators stay in registers with room for one row of
// operands and one broadcast; what a block reads again and again stays in half
// of a cache; a linear has at least 16 work items where its size allows, so
// that one decoded token keeps many threads busy.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed {

/// The fastest atom that computes in `numerics`: f32 and bf16x6 allow fma_f32
/// only, bf16 the bf16 atoms too. Rates decide, not names. Null when the target
/// has none.
attn::AtomAttr chooseAtom(attn::TargetAttr target, llvm::StringRef numerics);

/// What the target issues for a schedule's atom: the atom of that kind, or that
/// of the parts of an f32 (ir/Bf16Parts.h). Null when it has none.
attn::AtomAttr issuedAtom(attn::TargetAttr target, llvm::StringRef kind);

/// An atom of parts, with the shape and the rate of what is issued; or null.
attn::AtomAttr atomInParts(attn::TargetAttr target, llvm::StringRef kind);

/// Tiles of an attention with `head` elements a head.
attn::AttentionScheduleAttr scheduleAttention(attn::TargetAttr target,
                                              attn::AtomAttr atom, int64_t head,
                                              bool banded);

/// What the tiles of a linear depend on.
struct LinearShape {
  /// Size of the contracted axis.
  int64_t depth = 0;
  /// Panels of 16 outputs of the widest weight, and how many weights share one
  /// x.
  int64_t panels = 0, weights = 0;
  /// A block holds a multiple of this many panels, so that heads are whole.
  int64_t panelsOfHead = 1;
  /// Whether all weights lie in memory as f32, as pairs of bf16 or f16, or in
  /// blocks of 32 integers.
  bool inF32 = false, inBf16 = false, inF16 = false, inIntegers = false;
  /// Whether some are integers of 8 bits, or integers with offsets.
  bool someOf8Bits = false, someWithOffsets = false;
  /// The most parts of bf16 that a weight needs (ir/Bf16Parts.h).
  int64_t parts = 1;
};
LinearShape shapeOf(attn::FusedLinearOp linear);

/// What f32's accuracy costs with atoms of shorter numbers: one of integers, or
/// of bf16 in parts, multiplies `times` the products of f32, and `issues`
/// multiply-adds of a vector a block of 32 of k make its sums f32.
struct ProductCost {
  double times = 1, issues = 0;
};
ProductCost productCost(llvm::StringRef kind, const LinearShape &shape);

/// The atom of a linear of two rows and more: `otherwise`, or, where it is
/// faster by the rates, one of integers if the weights are quantised, or one of
/// `more`.
attn::AtomAttr chooseLinearAtom(attn::TargetAttr target,
                                attn::AtomAttr otherwise,
                                llvm::ArrayRef<attn::AtomAttr> more,
                                const LinearShape &shape);
attn::LinearScheduleAttr scheduleLinear(attn::TargetAttr target,
                                        attn::AtomAttr atom,
                                        const LinearShape &shape);

/// Why a schedule from elsewhere cannot be used; empty when it can.
std::string whyUnusable(attn::TargetAttr target,
                        attn::AttentionScheduleAttr schedule);
std::string whyUnusable(attn::TargetAttr target,
                        attn::LinearScheduleAttr schedule,
                        const LinearShape &shape);

} // namespace heed
