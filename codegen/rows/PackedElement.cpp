//===- PackedElement.cpp - Rows of a packed table -------------------------===//
#include "codegen/rows/PackedElement.h"

#include "codegen/pack/PackedLayout.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

/// The byte as i32, 0..255.
Value PackedElement::byteAt(Value at) {
  return arith::ExtUIOp::create(e.b, e.loc, e.b.getI32Type(),
                                e.loadScalar(weight.getWeights(), at));
}

/// The f16 at a byte offset, as f32.
Value PackedElement::halfAt(Value at) {
  Value high =
      arith::ShLIOp::create(e.b, e.loc, byteAt(e.add(at, 1)),
                            arith::ConstantIntOp::create(e.b, e.loc, 8, 32));
  Value bits = arith::OrIOp::create(e.b, e.loc, byteAt(at), high);
  Value narrow = arith::TruncIOp::create(e.b, e.loc, e.b.getI16Type(), bits);
  Value half = arith::BitcastOp::create(e.b, e.loc, e.b.getF16Type(), narrow);
  return arith::ExtFOp::create(e.b, e.loc, e.b.getF32Type(), half);
}

void PackedElement::row(Value number, Value memory) {
  WeightElement element = weight.getType().getElement();
  int64_t in = weight.getType().getShape()[1];
  PackedGroup group = packedGroup(element);
  Value panel = e.add(weight.getOffset(),
                      e.mul(e.div(number, kPanel), panelBytes(element, in)));
  Value lane = e.rem(number, kPanel);
  auto i32 = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(e.b, e.loc, value, 32);
  };
  e.loop(e.index(0), e.index(in), [&](Value k) {
    Value at = e.add(panel, e.mul(e.div(k, group.depth), group.bytes)), value;
    switch (element) {
    case WeightElement::F32: {
      Value floats = e.view(weight.getWeights(), e.add(at, e.mul(lane, 4)),
                            e.b.getF32Type(), e.index(1));
      value = e.loadScalar(floats, e.index(0));
      break;
    }
    case WeightElement::F16:
      value = halfAt(e.add(at, e.add(e.mul(lane, 4), e.mul(e.rem(k, 2), 2))));
      break;
    case WeightElement::BF16: {
      Value where = e.add(at, e.add(e.mul(lane, 4), e.mul(e.rem(k, 2), 2)));
      Value bits = arith::OrIOp::create(
          e.b, e.loc, byteAt(where),
          arith::ShLIOp::create(e.b, e.loc, byteAt(e.add(where, 1)), i32(8)));
      value = arith::BitcastOp::create(
          e.b, e.loc, e.b.getF32Type(),
          arith::ShLIOp::create(e.b, e.loc, bits, i32(16)));
      break;
    }
    case WeightElement::Q8_0: {
      Value inGroup = e.rem(k, 32);
      Value where = e.add(e.mul(e.div(inGroup, 4), 64),
                          e.add(e.mul(lane, 4), e.rem(inGroup, 4)));
      Value byte =
          e.loadScalar(weight.getWeights(), e.add(at, e.add(where, 32)));
      Value number =
          arith::SIToFPOp::create(e.b, e.loc, e.b.getF32Type(), byte);
      value = e.mulf(number, halfAt(e.add(at, e.mul(lane, 2))));
      break;
    }
    case WeightElement::Q4_0:
    case WeightElement::Q4_1: {
      bool hasMinimum = element == WeightElement::Q4_1;
      Value inGroup = e.rem(k, 32), inHalf = e.rem(inGroup, 16);
      Value where = e.add(e.mul(e.div(inHalf, 4), 64),
                          e.add(e.mul(lane, 4), e.rem(inHalf, 4)));
      Value byte = byteAt(e.add(at, e.add(where, hasMinimum ? 64 : 32)));
      Value high = arith::ShRUIOp::create(e.b, e.loc, byte, i32(4));
      Value bits =
          e.select(e.less(inGroup, e.index(16)),
                   arith::AndIOp::create(e.b, e.loc, byte, i32(15)), high);
      Value number =
          arith::SIToFPOp::create(e.b, e.loc, e.b.getF32Type(), bits);
      Value d = halfAt(e.add(at, e.mul(lane, 2)));
      Value m = hasMinimum ? halfAt(e.add(at, e.add(e.mul(lane, 2), 32)))
                           : e.mulf(d, e.constant(-8));
      value = e.fma(d, number, m);
      break;
    }
    }
    e.storeScalar(value, memory, k);
  });
}

} // namespace heed
