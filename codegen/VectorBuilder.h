//===- VectorBuilder.h - Short words for 1-D vector code ------------------===//
//
// Everything is `vector<lanes x f32>` or i32: longer or 2-D vectors spill.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

namespace heed {

/// Builds arithmetic on vectors of a fixed number of f32 or i32 lanes.
struct VectorBuilder {
  mlir::OpBuilder &b;
  mlir::Location loc;
  int64_t lanes;

  using Value = mlir::Value;

  mlir::VectorType f32() const {
    return mlir::VectorType::get(lanes, b.getF32Type());
  }
  mlir::VectorType i32() const {
    return mlir::VectorType::get(lanes, b.getI32Type());
  }

  Value constant(double value) const {
    return mlir::arith::ConstantOp::create(
        b, loc, mlir::DenseElementsAttr::get(f32(), static_cast<float>(value)));
  }
  Value constantInt(int32_t value) const {
    return mlir::arith::ConstantOp::create(
        b, loc, mlir::DenseElementsAttr::get(i32(), value));
  }
  /// 0, 1, 2, …
  Value iota() const {
    llvm::SmallVector<int32_t> values(lanes);
    for (int64_t i = 0; i < lanes; ++i)
      values[i] = static_cast<int32_t>(i);
    return mlir::arith::ConstantOp::create(
        b, loc,
        mlir::DenseElementsAttr::get(i32(), llvm::ArrayRef<int32_t>(values)));
  }
  Value index(int64_t value) const {
    return mlir::arith::ConstantIndexOp::create(b, loc, value);
  }

  Value add(Value x, Value y) const {
    return mlir::arith::AddFOp::create(b, loc, x, y);
  }
  Value sub(Value x, Value y) const {
    return mlir::arith::SubFOp::create(b, loc, x, y);
  }
  Value mul(Value x, Value y) const {
    return mlir::arith::MulFOp::create(b, loc, x, y);
  }
  Value div(Value x, Value y) const {
    return mlir::arith::DivFOp::create(b, loc, x, y);
  }
  Value fma(Value x, Value y, Value z) const {
    return mlir::math::FmaOp::create(b, loc, x, y, z);
  }
  /// One vmaxps or vminps: NaN and the sign of zero do not matter to the
  /// callers.
  Value max(Value x, Value y) const {
    return mlir::arith::MaxNumFOp::create(b, loc, x, y, noNanOrSign());
  }
  Value min(Value x, Value y) const {
    return mlir::arith::MinNumFOp::create(b, loc, x, y, noNanOrSign());
  }
  Value round(Value x) const {
    return mlir::math::RoundEvenOp::create(b, loc, x);
  }
  Value compare(mlir::arith::CmpFPredicate predicate, Value x, Value y) const {
    return mlir::arith::CmpFOp::create(b, loc, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) const {
    return mlir::arith::SelectOp::create(b, loc, condition, x, y);
  }
  Value toInt(Value x) const {
    return mlir::arith::FPToSIOp::create(b, loc, i32(), x);
  }
  Value toFloat(Value x) const {
    return mlir::arith::SIToFPOp::create(b, loc, f32(), x);
  }
  Value asInt(Value x) const {
    return mlir::vector::BitCastOp::create(b, loc, i32(), x);
  }
  Value asFloat(Value x) const {
    return mlir::vector::BitCastOp::create(b, loc, f32(), x);
  }
  Value broadcast(Value scalar) const {
    return mlir::vector::BroadcastOp::create(
        b, loc, mlir::VectorType::get(lanes, scalar.getType()), scalar);
  }
  Value load(Value memref, mlir::ValueRange indices) const {
    return mlir::vector::LoadOp::create(b, loc, f32(), memref, indices);
  }
  void store(Value value, Value memref, mlir::ValueRange indices) const {
    mlir::vector::StoreOp::create(b, loc, value, memref, indices);
  }

private:
  mlir::arith::FastMathFlags noNanOrSign() const {
    return mlir::arith::FastMathFlags::nnan | mlir::arith::FastMathFlags::nsz;
  }
};

} // namespace heed
