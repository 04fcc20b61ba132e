//===- Emit.h - Short words for building loops and vectors ----------------===//
//
// A thin layer over OpBuilder, so that a kernel's generator reads like the
// kernel.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace heed {

/// Every vector of generated code has 16 lanes of 32 bits; LLVM splits them in
/// two where registers are shorter.
inline constexpr int64_t kLanes = 16;

class Emit {
public:
  Emit(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  mlir::OpBuilder &b;
  mlir::Location loc;

  //===--- indices ---===//
  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value add(mlir::Value lhs, int64_t rhs);
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs);
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs);
  mlir::Value mul(mlir::Value lhs, int64_t rhs);
  /// Division and remainder of values that are not negative.
  mlir::Value div(mlir::Value lhs, mlir::Value rhs);
  mlir::Value div(mlir::Value lhs, int64_t rhs);
  mlir::Value rem(mlir::Value lhs, mlir::Value rhs);
  mlir::Value rem(mlir::Value lhs, int64_t rhs);
  mlir::Value ceilDiv(mlir::Value lhs, int64_t rhs);
  mlir::Value min(mlir::Value lhs, mlir::Value rhs);
  mlir::Value max(mlir::Value lhs, mlir::Value rhs);
  mlir::Value less(mlir::Value lhs, mlir::Value rhs);
  mlir::Value equal(mlir::Value lhs, mlir::Value rhs);
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no);
  /// An integer of any width as index, and back.
  mlir::Value toIndex(mlir::Value value);
  mlir::Value toI32(mlir::Value index);

  //===--- loops ---===//
  void loop(mlir::Value lo, mlir::Value hi, mlir::Value step,
            llvm::function_ref<void(mlir::Value)> body);
  void loop(mlir::Value lo, mlir::Value hi, int64_t step,
            llvm::function_ref<void(mlir::Value)> body) {
    loop(lo, hi, index(step), body);
  }
  void loop(mlir::Value lo, mlir::Value hi,
            llvm::function_ref<void(mlir::Value)> body) {
    loop(lo, hi, index(1), body);
  }
  /// With values carried from turn to turn.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value lo, mlir::Value hi, int64_t step, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                         mlir::ValueRange)>
           body);
  void when(mlir::Value condition, llvm::function_ref<void()> yes,
            llvm::function_ref<void()> no = nullptr);

  //===--- f32 vectors ---===//
  mlir::VectorType vector(int64_t lanes = kLanes) {
    return mlir::VectorType::get({lanes}, b.getF32Type());
  }
  mlir::Value splat(double value);           // f32 vector of one constant
  mlir::Value constant(double value);        // f32 scalar
  mlir::Value splatI32(int64_t value);       // i32 vector of one constant
  mlir::Value broadcast(mlir::Value scalar); // to 16 lanes
  mlir::Value load(mlir::Value memory, mlir::Value at);
  void store(mlir::Value value, mlir::Value memory, mlir::Value at);
  /// 16 elements from `at`; lanes at and beyond `count` (a signed index) read
  /// as zero, or are not written. With `count` null no mask is used.
  mlir::Value load(mlir::Value memory, mlir::Value at, mlir::Value count);
  void store(mlir::Value value, mlir::Value memory, mlir::Value at,
             mlir::Value count);
  mlir::Value loadScalar(mlir::Value memory, mlir::Value at);
  void storeScalar(mlir::Value value, mlir::Value memory, mlir::Value at);
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value sum);
  mlir::Value addf(mlir::Value x, mlir::Value y);
  mlir::Value subf(mlir::Value x, mlir::Value y);
  mlir::Value mulf(mlir::Value x, mlir::Value y);
  mlir::Value divf(mlir::Value x, mlir::Value y);
  /// The sum of the lanes, as f32.
  mlir::Value sumLanes(mlir::Value vector);

  /// The dynamic size of a 1-D memref.
  mlir::Value sizeOf(mlir::Value memory);
  /// A typed view of bytes [at, at + count * size of element) of an i8 memref.
  mlir::Value view(mlir::Value bytes, mlir::Value at, mlir::Type element,
                   mlir::Value count);
  /// A constant in the module, seen as a 1-D memref. Equal ones are one; the
  /// name is `prefix` and a number.
  mlir::Value constantTable(mlir::DenseElementsAttr data,
                            llvm::StringRef prefix);
};

} // namespace heed
