//===- VectorMath.h - Functions of f32 vectors, as arithmetic -------------===//
//
// Upstream's math.exp and kin become calls of libm for each lane; these become
// a few vector instructions. Each takes and gives `vector<n x f32>` for any n;
// n = 16 uses AVX-512's scalef. Errors are in units in the last place, measured
// over dense samples of the whole range by
// tests/codegen/attention/VectorMathTest.cpp. Where no bound is stated the
// result is a plain composition of the others. NaN gives an unspecified value.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"

namespace heed::vecmath {

/// 2^x. At most 2 ulp; below 2^-126 the result is 0 (never denormal), from
/// 2^128 it is infinity.
mlir::Value exp2(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// 2^x for x <= 0, with fewer instructions: at most 3 ulp; 0 for x <= -127,
/// also for x = -infinity. Between that and -126 it is 0, or on AVX2 a number
/// of no more than 2^-126, which may be denormal.
mlir::Value exp2NonPositive(mlir::OpBuilder &b, mlir::Location loc,
                            mlir::Value x);

/// The same with a relative error of at most 8.6e-5, for a result that becomes
/// bf16, in 16 lanes of AVX-512. A result below 2^-126 may be denormal.
mlir::Value exp2NonPositiveCoarse(mlir::OpBuilder &b, mlir::Location loc,
                                  mlir::Value x);

/// e^x. At most 2 ulp; 0 below 2^-126.
mlir::Value exp(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// Natural logarithm of x >= 0: at most 2 ulp; log(0) = -infinity; a denormal
/// counts as 0.
mlir::Value log(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// Base 2: log(x) log2(e).
mlir::Value log2(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// At most 6 ulp, |result| <= 1.
mlir::Value tanh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
/// tanh, half as long where no lane is past 0.8 (a branch): caps bend few
/// scores that far.
mlir::Value tanhOfScores(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// At most 7 ulp, |result| <= 1.
mlir::Value erf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// 1 / (1 + e^-x). At most 4 ulp.
mlir::Value sigmoid(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// x sigmoid(x).
mlir::Value silu(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// x (1 + erf(x / sqrt 2)) / 2.
mlir::Value gelu(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel
/// 2016).
mlir::Value geluTanh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// x^y for x > 0, as 2^(y log2 x): the relative error grows with |y log2 x|
/// (about 1e-7 times it).
mlir::Value pow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                mlir::Value y);

} // namespace heed::vecmath
