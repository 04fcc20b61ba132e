//===- Digits.h - Numbers to a modulus, so that divisions go away ---------===//
#pragma once

#include "passes/masks/Conjunct.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace heed::masks {

/// The least common multiple of the divisors; nullopt when it is over `most`.
std::optional<int64_t> commonModulus(llvm::ArrayRef<Conjunct> conjuncts,
                                     int64_t most);

/// Writes each dim and symbol v as m * (v floordiv m) + v mod m: columns 2 v
/// and 2 v + 1 of the result. With these digits and a case for each carry,
/// divisions by factors of m are linear. Emits disjoint conjunctions without
/// divisions; false when some row mixes the digits, or there are more than
/// `maxCases`.
bool expandDigits(const Conjunct &c, int64_t m, unsigned maxCases,
                  llvm::function_ref<void(Conjunct)> emit);

} // namespace heed::masks
