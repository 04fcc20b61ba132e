//===- Bf16.cpp - Rounding to bf16 without an instruction for it ----------===//
#include "codegen/Bf16.h"

using namespace mlir;

namespace heed {

/// `type`, or a vector of it where x is a vector.
static Type like(Value x, Type type) {
  auto vector = dyn_cast<VectorType>(x.getType());
  return vector ? Type(vector.clone(type)) : type;
}

static Value constant(OpBuilder &b, Location loc, Value like, int32_t value) {
  TypedAttr attribute = b.getI32IntegerAttr(value);
  if (auto type = dyn_cast<VectorType>(like.getType()))
    attribute = DenseElementsAttr::get(type, value);
  return arith::ConstantOp::create(b, loc, attribute);
}

static Value upperHalf(OpBuilder &b, Location loc, Value bits) {
  return arith::ShRUIOp::create(b, loc, bits, constant(b, loc, bits, 16));
}

/// 32 bits a number, whose upper half is x as bf16: half a unit in the last
/// place is added, less one bit where x is even.
static Value roundedBits(OpBuilder &b, Location loc, Value x) {
  Value bits = arith::BitcastOp::create(b, loc, like(x, b.getI32Type()), x);
  auto number = [&](int32_t value) { return constant(b, loc, bits, value); };
  Value odd = arith::AndIOp::create(b, loc, upperHalf(b, loc, bits), number(1));
  Value rounded = arith::AddIOp::create(
      b, loc, arith::AddIOp::create(b, loc, bits, number(0x7fff)), odd);
  // A carry could make another number of a NaN.
  Value quiet = arith::OrIOp::create(b, loc, bits, number(0x400000));
  Value isNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
  return arith::SelectOp::create(b, loc, isNan, quiet, rounded);
}

Value roundToBf16(OpBuilder &b, Location loc, Value x) {
  Value upper = upperHalf(b, loc, roundedBits(b, loc, x));
  Value half = arith::TruncIOp::create(b, loc, like(x, b.getI16Type()), upper);
  return arith::BitcastOp::create(b, loc, like(x, b.getBF16Type()), half);
}

} // namespace heed
