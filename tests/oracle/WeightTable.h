//===- WeightTable.h - The weights that a module declares, in f64 ---------===//
#pragma once

#include "ir/Attn.h"
#include "runtime/formats/WeightSource.h"
#include "tests/oracle/Datum.h"

namespace heed::oracle {

/// Finds declared weights:
///   "random:SEED:NAME"  runtime/formats/RandomWeights.h
///   "values:1 2.5 -3"   the elements themselves, row-major (small tests)
///   a name              in the weight file; without one, random by the table's
///                       seed and the name
class WeightTable {
public:
  /// `path` may be empty: no file.
  static Result<WeightTable> open(const std::string &path, uint64_t seed);

  /// Fails after a diagnostic at the op: no such weight, a type that cannot be
  /// decoded, another shape than the declared one.
  llvm::FailureOr<Weight> find(attn::DeclareOp declared) const;

  /// The weight of that name when it is random.
  static Weight random(uint64_t seed, llvm::StringRef name,
                       llvm::ArrayRef<int64_t> shape);

private:
  uint64_t seed = 0;
  std::shared_ptr<const WeightSource> file;
};

} // namespace heed::oracle
