//===- AdditiveMask.cpp - Masks as many programs make them ----------------===//
#include "tests/oracle/AdditiveMask.h"

#include "llvm/ADT/StringSwitch.h"

using namespace heed::oracle;
using llvm::APFloat;

const llvm::fltSemantics *AdditiveMask::typeCalled(llvm::StringRef name) {
  return llvm::StringSwitch<const llvm::fltSemantics *>(name)
      .Case("f16", &APFloat::IEEEhalf())
      .Case("bf16", &APFloat::BFloat())
      .Case("f32", &APFloat::IEEEsingle())
      .Case("f64", &APFloat::IEEEdouble())
      .Default(nullptr);
}

double AdditiveMask::round(double x) const {
  APFloat value(x);
  bool losesInfo;
  value.convert(*type, APFloat::rmNearestTiesToEven, &losesInfo);
  return value.convertToDouble();
}

double AdditiveMask::apply(double score, bool allowed) const {
  score = round(score);
  if (!allowed)
    for (double value : values)
      score = round(score + round(value));
  return score;
}
