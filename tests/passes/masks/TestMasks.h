//===- TestMasks.h - Masks as text and as plain C++, for brute force ------===//
#pragma once

#include "passes/masks/Affine.h"
#include "passes/masks/MaskSet.h"

#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <string>
#include <vector>

namespace heed::masks::test {

/// Disjuncts over (q, kv) with the one parameter X, each as the constraints of
/// an IntegerSet: "q - kv >= 0, kv >= X".
struct NamedMask {
  std::string name;
  std::vector<std::string> disjuncts;
  /// The mask again, written by hand.
  std::function<bool(int64_t q, int64_t kv, int64_t x)> allows;
  /// Range of X.
  int64_t minX = 1, maxX = 1;
};

std::vector<mlir::IntegerSet> parse(mlir::MLIRContext &context,
                                    const std::vector<std::string> &disjuncts,
                                    const std::string &symbols = "X");
MaskSet toMask(mlir::MLIRContext &context, const NamedMask &mask);

/// The masks that people use, and some that are awkward.
const std::vector<NamedMask> &commonMasks();

/// How many random cases a test takes: `quick`, times the integer in the
/// environment variable HEED_RANDOM_TIMES.
unsigned randomCases(unsigned quick);

/// A union of 1 to `maxDisjuncts` conjunctions of 1 to 2 random atoms (offsets,
/// windows, mod, floordiv, slopes, X).
NamedMask randomMask(unsigned seed, unsigned maxDisjuncts);

} // namespace heed::masks::test
