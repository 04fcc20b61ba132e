//===- KernelBound.h - How fast a kernel could be on a machine ------------===//
//
// The formulas of docs/bound.md. They know a machine only by its rate table and
// a kernel only by its operations and its register tile.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/bench/MachineRates.h"
#include "runtime/support/Result.h"
#include "tools/heed/bench/BenchInputs.h"

#include <string>
#include <vector>

namespace heed {

/// The least time of one op on one thread, and what it is made of.
struct KernelBound {
  std::string name;     // "attention", "linear"
  std::string tile;     // "48 rows x 8 keys"
  std::string atom;     // "fma_f32"
  double work = 0;      // operations that count: of allowed pairs
  double visited = 1;   // pairs in the tiles over allowed pairs
  double products = 0;  // seconds
  double softmax = 0;   // seconds; 0 for linears
  double bytes = 0;     // of operands, each read once
  double memory = 0;    // seconds for these; 0 where no rate is known
  bool overlap = false; // softmax and products have units of their own
  int64_t times = 1;    // kernels that are like this one
  double arithmetic() const {
    return overlap ? std::max(products, softmax) : products + softmax;
  }
  /// Lines are asked for while others are computed with.
  double seconds() const { return std::max(arithmetic(), memory); }
  /// All but `times`.
  bool isLike(const KernelBound &other) const;
};

/// Seconds of `operations`, `loadsOfIssue` vectors being loaded for each issue
/// of the atom: what the atom does fed from L1, or what the loads allow where
/// that is less. Loads count nothing without `vectors`.
double productSeconds(const MachineRates::Atom &atom,
                      const MachineRates::Vectors *vectors, double operations,
                      double loadsOfIssue);

/// The bounds of all attentions and linears that one call of the entry of a
/// scheduled module runs. Rates of vectors and of
/// reading may be missing: what they are for counts nothing. Errors: a table
/// without the rate of an atom, an op whose work is known only when it runs.
Result<std::vector<KernelBound>> kernelBounds(mlir::ModuleOp scheduled,
                                              const MachineRates &rates,
                                              const BenchInputs &inputs);

} // namespace heed
