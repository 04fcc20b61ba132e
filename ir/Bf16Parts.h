//===- Bf16Parts.h - Numbers as sums of shorter ones ----------------------===//
//
// `numerics = bf16x6`: an f32 is the sum of three parts of 8 bits, and of the
// nine products of two numbers' parts six are added, those that f32 can tell
// from nothing. A weight that is stored in fewer bits needs fewer parts.
//
// Weights of f16, where AMX multiplies them: x over a power of two for each row
// is one f16 (`numerics = bf16`) or the sum of two (bf16x6).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed {

/// Atoms of a schedule: products of amx_bf16, several for one of f32; of
/// amx_f16; and two of these for one.
inline constexpr llvm::StringLiteral kAmxInParts = "amx_bf16x6",
                                     kAmxF16 = "amx_f16",
                                     kAmxInTwoF16 = "amx_f16x2";

inline bool multipliesF16(llvm::StringRef atom) {
  return atom == kAmxF16 || atom == kAmxInTwoF16;
}

/// Parts of an f32.
inline constexpr int64_t kPartsOfF32 = 3;

/// Parts of a weight.
inline int64_t partsOf(attn::WeightElement element) {
  switch (element) {
  case attn::WeightElement::BF16:
    return 1;
  case attn::WeightElement::F16: // 11 bits
    return 2;
  default:
    return kPartsOfF32;
  }
}

/// Products of an f32 by a weight of so many parts: part i by part j where
/// i + j < 3.
constexpr int64_t productsOfParts(int64_t parts) {
  return parts * (2 * kPartsOfF32 + 1 - parts) / 2;
}
static_assert(productsOfParts(1) == 3 && productsOfParts(2) == 5 &&
              productsOfParts(3) == 6);

} // namespace heed
