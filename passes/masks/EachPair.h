//===- EachPair.h - The pairs of a mask, counted one by one ------------===//
#pragma once

#include "passes/masks/Exact.h"

namespace heed::masks {

/// Pairs of 0 <= q < queries, 0 <= kv < keys in a set over dims (q, kv) at
/// these values of its symbols: the answer for masks whose sets are too complex
/// to count by a formula. About a nanosecond for each row and pair.
int64_t countEachPair(const IntegerUnion &set, int64_t queries, int64_t keys,
                      llvm::ArrayRef<int64_t> symbols);

} // namespace heed::masks
