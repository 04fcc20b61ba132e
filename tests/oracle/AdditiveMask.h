//===- AdditiveMask.h - Masks as many programs make them ------------------===//
//
// A number that is meant to be -infinity is added to forbidden scores, in the
// type that scores have there. heed does not: the oracle shows what would be.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/APFloat.h"

#include <optional>
#include <vector>

namespace heed::oracle {

struct AdditiveMask {
  /// Added one after the other, as when a padding mask joins a causal one.
  std::vector<double> values;
  /// Of scores: f16, bf16, f32 or f64.
  const llvm::fltSemantics *type = &llvm::APFloat::IEEEdouble();

  /// Null where there is no type of that name.
  static const llvm::fltSemantics *typeCalled(llvm::StringRef name);
  /// The nearest number of the type, ties to even; infinity beyond the largest.
  double round(double x) const;
  /// What a score becomes.
  double apply(double score, bool allowed) const;
};

} // namespace heed::oracle
