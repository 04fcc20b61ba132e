//===- RopeTable.cpp - Cosines and sines of one position ------------------===//
#include "codegen/rows/RopeTable.h"

#include "ir/Axes.h"

#include <cmath>
#include <numbers>
#include <numeric>

using namespace mlir;
using namespace heed::attn;

namespace heed {

int64_t ropeTableSize(int64_t head) { return std::lcm(head, kLanes); }

SmallVector<int32_t> ropePartners(RopeOp op, int64_t head) {
  int64_t dims = op.getDims(), size = ropeTableSize(head);
  SmallVector<int32_t> out(size, 0);
  for (int64_t e = 0; e < size; ++e) {
    int64_t i = e % head;
    if (i >= dims)
      continue;
    out[e] = op.getPairs() == RopePairs::Adjacent
                 ? (i % 2 ? -1 : 1)
                 : (i < dims / 2 ? dims / 2 : -(dims / 2));
  }
  return out;
}

/// Angle per position of each element, negative where the sine is.
static SmallVector<double> signedFrequencies(RopeOp op, int64_t head) {
  int64_t dims = op.getDims(), size = ropeTableSize(head);
  double theta = op.getTheta().convertToDouble();
  SmallVector<double> out(size, 0);
  for (int64_t e = 0; e < size; ++e) {
    int64_t i = e % head;
    if (i >= dims)
      continue;
    bool adjacent = op.getPairs() == RopePairs::Adjacent;
    int64_t pair = adjacent ? i / 2 : i % (dims / 2);
    bool first = adjacent ? i % 2 == 0 : i < dims / 2;
    double frequency = std::pow(theta, -2.0 * pair / dims);
    if (op.getFactors() && !op.getFactors()->empty())
      frequency *= (*op.getFactors())[pair];
    out[e] = first ? -frequency : frequency;
  }
  return out;
}

void emitRopeTable(Emit &e, RopeOp op, Value position, Value table) {
  int64_t head = cast<RankedTensorType>(op.getX().getType()).getShape().back(),
          size = ropeTableSize(head);
  auto type = RankedTensorType::get({size}, e.b.getF64Type());
  Value frequencies = e.constantTable(
      DenseElementsAttr::get(type, ArrayRef(signedFrequencies(op, head))),
      "rope_frequencies");
  auto f64 = VectorType::get({kLanes}, e.b.getF64Type());
  auto i32 = VectorType::get({kLanes}, e.b.getI32Type());
  auto splat = [&](double value) -> Value {
    return arith::ConstantOp::create(e.b, e.loc,
                                     DenseElementsAttr::get(f64, value));
  };
  auto polynomial = [&](Value x, ArrayRef<double> coefficients) {
    Value sum = splat(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      sum = e.fma(sum, x, splat(c));
    return sum;
  };
  Value p =
      arith::SIToFPOp::create(e.b, e.loc, e.b.getF64Type(), e.toI32(position));
  Value where = vector::BroadcastOp::create(e.b, e.loc, f64, p);
  double scale = op.getAttentionFactor().convertToDouble();
  e.loop(e.index(0), e.index(size), kLanes, [&](Value i) {
    // angle = n pi/2 + r, |r| <= pi/4 (Cody and Waite 1980); then Taylor
    // series, good to 1e-12 there.
    Value angle = e.mulf(where, e.load(frequencies, i));
    Value n = math::RoundEvenOp::create(
        e.b, e.loc, e.mulf(angle, splat(2 / std::numbers::pi)));
    Value r = e.fma(n, splat(-1.5707963267948966), angle);
    r = e.fma(n, splat(-6.123233995736766e-17), r);
    Value square = e.mulf(r, r);
    Value sine =
        e.mulf(r, polynomial(square,
                             {1, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880,
                              -1.0 / 39916800, 1.0 / 6227020800.0}));
    Value cosine =
        polynomial(square, {1, -0.5, 1.0 / 24, -1.0 / 720, 1.0 / 40320,
                            -1.0 / 3628800, 1.0 / 479001600.0});
    // The quadrant swaps and negates.
    Value quadrant = arith::FPToSIOp::create(e.b, e.loc, i32, n);
    auto bit = [&](Value value, int64_t mask) -> Value {
      Value masked = arith::AndIOp::create(e.b, e.loc, value, e.splatI32(mask));
      return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ne, masked,
                                   e.splatI32(0));
    };
    Value odd = bit(quadrant, 1);
    Value sinNegative = bit(quadrant, 2);
    Value cosNegative =
        bit(arith::AddIOp::create(e.b, e.loc, quadrant, e.splatI32(1)), 2);
    auto finish = [&](Value even, Value other, Value negative) -> Value {
      Value value = e.select(odd, other, even);
      value =
          e.select(negative, arith::NegFOp::create(e.b, e.loc, value), value);
      return arith::TruncFOp::create(e.b, e.loc, e.vector(),
                                     e.mulf(value, splat(scale)));
    };
    e.store(finish(cosine, sine, cosNegative), table, i);
    e.store(finish(sine, cosine, sinNegative), table, e.add(i, size));
  });
}

} // namespace heed
