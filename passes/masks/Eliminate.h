//===- Eliminate.h - Exact elimination of integer variables ---------------===//
#pragma once

#include "passes/masks/Conjunct.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace heed::masks {

/// Emits conjunctions over the other dims whose union is {x : there are
/// integers for dims [first, first + count) such that c}. Floor divisions take
/// the place of quantifiers where bounds have coefficients; only variables that
/// are coupled through such coefficients (two different moduli) need case
/// splits, as in Pugh's Omega test (1991). `pay` is told the cost of each step
/// before it; false when it refused.
bool eliminateDims(const Conjunct &c, unsigned first, unsigned count,
                   llvm::function_ref<bool(int64_t)> pay,
                   llvm::function_ref<void(Conjunct)> emit);

} // namespace heed::masks
