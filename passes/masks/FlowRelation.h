//===- FlowRelation.h - How data moves along the sequence -----------------===//
//
// A flow is the set of (out, in) positions such that row `out` of a result may
// read row `in` of an operand. An attention's flow is its mask with q = out and
// kv = in, so flows are MaskSets, and what is computed of masks (causality,
// least first chunk) is computed of whole models. Symbols of the same name are
// the same parameter.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/KeyRange.h"
#include "passes/masks/MaskSet.h"

#include <map>

namespace heed::masks {

/// Row t reads row t: a linear, a norm over features, a residual.
MaskSet identityFlow(mlir::MLIRContext *context);
/// Row t reads every row: a pooling, a norm over the sequence.
MaskSet everythingFlow(mlir::MLIRContext *context);
/// Row t reads row t + by.
MaskSet shiftFlow(mlir::MLIRContext *context, int64_t by);

/// What reads `a` and `b` side by side, as the sum of a residual does.
MaskSet unite(const MaskSet &a, const MaskSet &b);

/// The pairs of both.
MaskSet intersect(const MaskSet &a, const MaskSet &b);
/// The same flow in fewer disjuncts, where that is cheap.
MaskSet shorten(const MaskSet &flow,
                int64_t allowance = Exact::defaultAllowance);
/// The flow between positions that exist: out < `outs`, in < `ins`, where
/// given.
MaskSet within(const MaskSet &flow, std::optional<int64_t> outs,
               std::optional<int64_t> ins);

/// `outer` reads the result of `inner`: (out, in) such that outer has (out,
/// mid) and inner (mid, in). Where that costs too much the result lies between
/// nothing and everything.
MaskSet compose(const MaskSet &outer, const MaskSet &inner,
                int64_t allowance = Exact::defaultAllowance);
/// `flow` composed with itself, `layers` >= 1 of them.
MaskSet repeat(const MaskSet &flow, unsigned layers,
               int64_t allowance = Exact::defaultAllowance);

/// The positions `in` that row `out` can depend on.
struct ReceptiveField {
  /// Over symbols [out, those of the flow].
  llvm::SmallVector<KeyRange> ranges;
  llvm::SmallVector<std::string> names;
  /// False when it may be smaller.
  bool exact = true;
  std::string reason;

  void print(llvm::raw_ostream &os) const;
};
ReceptiveField
computeReceptiveField(const MaskSet &flow,
                      int64_t allowance = Exact::defaultAllowance);

/// A parameter's value, by name.
using SymbolValues = std::map<std::string, int64_t>;

/// The positions by which row `in` reaches row `out` through `flows`, the one
/// next to the output first: flows.size() + 1 positions from `out` to `in`.
/// nullopt when there is no such path (or only through per-token look-ups), or
/// finding it costs too much.
std::optional<llvm::SmallVector<int64_t>>
findPath(llvm::ArrayRef<MaskSet> flows, int64_t out, int64_t in,
         const SymbolValues &symbols,
         int64_t allowance = Exact::defaultAllowance);

} // namespace heed::masks
