//===- Digits.h - Numbers to mixed radices, so that divisions go away -----===//
#pragma once

#include "passes/masks/Conjunct.h"
#include "passes/masks/Polynomial.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace heed::masks {

/// Moduli m1 | m2 | … of the digits of a number v, ascending: v mod m1, (v mod
/// m2) floordiv m1, …, v floordiv the last. Empty for v itself.
using Moduli = llvm::SmallVector<int64_t, 2>;

/// The divisors of the conjunctions where each divides the next, else their
/// least common multiple; nullopt when that is over `most`.
std::optional<Moduli> moduliOf(llvm::ArrayRef<Conjunct> conjuncts,
                               int64_t most);

/// The digits of v, the highest first; moduli.size() + 1 of them.
llvm::SmallVector<int64_t> digitsOf(int64_t v, const Moduli &moduli);
/// What they are called, as `(Lq floordiv 64)` and `(Lq mod 64)`.
llvm::SmallVector<std::string> digitNames(const std::string &name,
                                          const Moduli &moduli);

/// Writes each dim and symbol as its digits, in columns in the place of its
/// one. With a case for each carry, divisions by the moduli are linear. Emits
/// disjoint conjunctions without divisions; false when some row mixes the
/// digits, or there are more than `maxCases`.
bool expandDigits(const Conjunct &c, const Moduli &moduli, unsigned maxCases,
                  llvm::function_ref<void(Conjunct)> emit);

/// The same set, and polynomial, of the digits to more moduli: `to` has all of
/// `from`. No dims, no divisions.
Conjunct withDigits(const Conjunct &c, const Moduli &from, const Moduli &to);
Polynomial withDigits(Polynomial polynomial, unsigned numSymbols,
                      const Moduli &from, const Moduli &to);

} // namespace heed::masks
