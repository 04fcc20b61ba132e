//===- RowDigits.h - A row of x in digits, for products of integers -------===//
//
//   x = scale * (digit2 * 2^16 + digit1 * 2^8 + digit0), group by group
//
// The error is at most 2^-24 of the group's largest element, which is that of
// f32, or of 1e-30 where all are smaller; NaN and infinity make the scale NaN
// or infinite. A row's digits are made once, for all linears that read it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/Emit.h"

namespace heed {

/// A group of 32 elements takes as many words of 4 bytes: three signed digits
/// of 8 bits each, [3][32]; then the scale and the sum of the group, f32; then
/// -128 times the sum of each digit, i32, for weights of signed bytes.
struct RowDigits {
  static constexpr int64_t kGroup = 32;
  static constexpr int64_t kScale = 24, kSum = 25, kOffsets = 26;
  /// The word of elements k..k+3 in a digit.
  static int64_t word(int64_t digit, int64_t k) { return 8 * digit + k / 4; }
};

/// What the digits are for.
struct DigitsFor {
  bool products = false;    // of integers: else only the sums are wanted
  bool signedBytes = false; // of weights: the offsets are wanted
};

/// Many rows are multiplied by signed weights: their digits are the three bytes
/// of x / scale + 2^23, unsigned; scale and sum lie where a row alone has them.
inline constexpr int64_t kDigitBias = 1 << 23;

/// Makes the first `count` elements of packed rows digits, in their place;
/// `count` is a multiple of 32.
void rowsToDigits(Emit &e, mlir::Value rows, mlir::Value count);

/// Writes the digits of the row x[0, count) to `x` from `to` on, words for
/// elements; `count` is a multiple of 32.
void rowToDigits(Emit &e, mlir::Value x, mlir::Value count, mlir::Value to,
                 DigitsFor purpose);

} // namespace heed
