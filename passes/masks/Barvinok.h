//===- Barvinok.h - Points of a unimodular polytope ----------------------===//
#pragma once

#include "passes/masks/Exact.h"
#include "passes/masks/Polynomial.h"

namespace heed::masks {

/// Counts the points of a conjunction without divisions and without equalities
/// that read its dims, by mlir/Analysis/Presburger/Barvinok.h (Barvinok 1994):
/// a polynomial for each chamber of the symbols. That library is right where
/// all tangent cones are unimodular, which it does not check and this does; it
/// takes chambers between facets at a constant distance for flat and drops
/// them, so each constant c is given as c * U with a fresh parameter U, and U =
/// 1 afterwards; and it drops the chambers of a polytope that is flat or that
/// has points only where its symbols meet an equality: the caller first makes
/// equalities of rows that are 0 at every point. False, and what was emitted
/// means nothing, for other polytopes.
bool countPolytope(
    Exact &exact, const Conjunct &c,
    llvm::function_ref<void(Conjunct when, Polynomial points)> emit);

} // namespace heed::masks
