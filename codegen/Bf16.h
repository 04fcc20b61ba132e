//===- Bf16.h - Rounding to bf16 without an instruction for it ------------===//
//
// LLVM calls a function for each number where a target does not convert to
// bf16. The other way is a shift everywhere (arith.extf).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/VectorBuilder.h"

namespace heed {

/// f32, a number or a vector of them, as bf16: to nearest even, NaN stays NaN.
mlir::Value roundToBf16(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

} // namespace heed
