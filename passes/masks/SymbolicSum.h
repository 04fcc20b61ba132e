//===- SymbolicSum.h - Points of a set, one variable after the other ------===//
#pragma once

#include "passes/masks/Exact.h"
#include "passes/masks/Polynomial.h"

namespace heed::masks {

/// Counts the points of a conjunction without divisions (Pugh 1994, "Counting
/// solutions to Presburger formulas"): of a dim whose coefficients are 1, each
/// choice of the greatest lower and the least upper bound is a case, in which
/// the sum over the dim is a polynomial of the bounds. Emits the number of
/// points for conditions on the symbols that exclude each other; elsewhere
/// there are none. `known` is what is known of the symbols, over so many dims.
/// False, and what was emitted means nothing, where no dim is left whose
/// coefficients are 1, one has no bound, or the allowance is spent.
bool countPoints(
    Exact &exact, const Conjunct &c,
    llvm::function_ref<Conjunct(unsigned numDims)> known,
    llvm::function_ref<void(Conjunct when, Polynomial points)> emit);

} // namespace heed::masks
