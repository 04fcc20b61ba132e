//===- WeightCodec.cpp - Packed weights become f32 vectors in registers ---===//
#include "codegen/linear/WeightCodec.h"

#include <array>

using namespace mlir;
using namespace heed::attn;

namespace heed {

WeightCodec::WeightCodec(Emit &e, WeightElement element, TargetAttr target)
    : e(e), element(element), layout(packedGroup(element)),
      permutes(target && target.getFeatures().getValue().contains("+avx512f")),
      multipliesBytes(target && target.findAtom("dpbusd")) {}

/// 64 bytes as 16 words.
Value WeightCodec::words(Value bytes, Value at) {
  Value raw = vector::LoadOp::create(
      e.b, e.loc, VectorType::get({64}, e.b.getI8Type()), bytes, at);
  return vector::BitCastOp::create(
      e.b, e.loc, VectorType::get({kLanes}, e.b.getI32Type()), raw);
}

/// 16 f16 as f32.
Value WeightCodec::halves(Value bytes, Value at) {
  Value raw = vector::LoadOp::create(
      e.b, e.loc, VectorType::get({32}, e.b.getI8Type()), bytes, at);
  Value half = vector::BitCastOp::create(
      e.b, e.loc, VectorType::get({kLanes}, e.b.getF16Type()), raw);
  return arith::ExtFOp::create(e.b, e.loc, e.vector(), half);
}

/// Bits shift..shift+4 of each word as f32 0..15. A 16-lane permute reads just
/// the low 4 bits of its index, so a table of the numbers 0..15 saves the mask
/// and the conversion.
Value WeightCodec::nibble(Value words, int64_t shift) {
  Value bits =
      shift ? arith::ShRUIOp::create(e.b, e.loc, words, e.splatI32(shift))
                  .getResult()
            : words;
  if (permutes) {
    SmallVector<float> numbers;
    for (int i = 0; i < 16; ++i)
      numbers.push_back(i);
    Value table = arith::ConstantOp::create(
        e.b, e.loc,
        DenseElementsAttr::get(e.vector(), ArrayRef<float>(numbers)));
    return LLVM::CallIntrinsicOp::create(
               e.b, e.loc, e.vector(),
               e.b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
               ValueRange{table, bits})
        .getResult(0);
  }
  Value low = arith::AndIOp::create(e.b, e.loc, bits, e.splatI32(15));
  return arith::SIToFPOp::create(e.b, e.loc, e.vector(), low);
}

Value WeightCodec::signedByte(Value words, int64_t byte) {
  Value top = byte == 3 ? words
                        : arith::ShLIOp::create(e.b, e.loc, words,
                                                e.splatI32(24 - 8 * byte))
                              .getResult();
  Value value = arith::ShRSIOp::create(e.b, e.loc, top, e.splatI32(24));
  return arith::SIToFPOp::create(e.b, e.loc, e.vector(), value);
}

void WeightCodec::unpack(Value packed, int64_t g,
                         function_ref<void(int64_t, Value)> each) {
  for (int64_t j = 0; j < 4; ++j) {
    if (element == WeightElement::Q8_0) {
      each(4 * g + j, signedByte(packed, j));
      continue;
    }
    each(4 * g + j, nibble(packed, 8 * j));
    each(16 + 4 * g + j, nibble(packed, 8 * j + 4));
  }
}

SmallVector<Value> WeightCodec::decode(Value bytes, Value at) {
  switch (element) {
  case WeightElement::F32: {
    Value raw = vector::LoadOp::create(
        e.b, e.loc, VectorType::get({64}, e.b.getI8Type()), bytes, at);
    return {vector::BitCastOp::create(e.b, e.loc, e.vector(), raw)};
  }
  case WeightElement::BF16: {
    Value pair = words(bytes, at);
    Value low = arith::ShLIOp::create(e.b, e.loc, pair, e.splatI32(16));
    Value high =
        arith::AndIOp::create(e.b, e.loc, pair, e.splatI32(0xffff0000));
    return {vector::BitCastOp::create(e.b, e.loc, e.vector(), low),
            vector::BitCastOp::create(e.b, e.loc, e.vector(), high)};
  }
  case WeightElement::F16: {
    Value pair = words(bytes, at);
    Value high = arith::ShRUIOp::create(e.b, e.loc, pair, e.splatI32(16));
    SmallVector<Value> out;
    for (Value bits : {pair, high}) {
      Value narrow = arith::TruncIOp::create(
          e.b, e.loc, VectorType::get({kLanes}, e.b.getI16Type()), bits);
      Value half = vector::BitCastOp::create(
          e.b, e.loc, VectorType::get({kLanes}, e.b.getF16Type()), narrow);
      out.push_back(arith::ExtFOp::create(e.b, e.loc, e.vector(), half));
    }
    return out;
  }
  case WeightElement::Q8_0:
  case WeightElement::Q4_0:
  case WeightElement::Q4_1: {
    SmallVector<Value> out(layout.depth);
    for (int64_t g = 0; g < wordCount(); ++g)
      unpack(words(bytes, e.add(at, firstWord() + 64 * g)), g,
             [&](int64_t k, Value value) { out[k] = value; });
    Value d = halves(bytes, at);
    Value m = element == WeightElement::Q4_1   ? halves(bytes, e.add(at, 32))
              : element == WeightElement::Q4_0 ? e.mulf(d, e.splat(-8))
                                               : Value();
    for (Value &value : out)
      value = m ? e.fma(d, value, m) : e.mulf(d, value);
    return out;
  }
  }
  llvm_unreachable("all storage types are named above");
}

SmallVector<Value> WeightCodec::decodeSteps(Value bytes, Value panel, Value k,
                                            int64_t count) {
  SmallVector<Value> steps;
  for (int64_t i = 0; i < count; i += layout.depth)
    llvm::append_range(
        steps,
        decode(bytes, e.add(panel, e.mul(e.div(e.add(k, i), layout.depth),
                                         layout.bytes))));
  return steps;
}

WeightCodec::Integers WeightCodec::integers(Value bytes, Value at) {
  auto i8 = VectorType::get({64}, e.b.getI8Type());
  auto asBytes = [&](Value v) -> Value {
    return vector::BitCastOp::create(e.b, e.loc, i8, v);
  };
  Integers out{SmallVector<Value>(8), halves(bytes, at), Value()};
  for (int64_t g = 0; g < wordCount(); ++g) {
    Value packed = words(bytes, e.add(at, firstWord() + 64 * g));
    if (element == WeightElement::Q8_0) {
      out.q[g] = asBytes(packed);
      continue;
    }
    // Nibbles from -8 to 7: sums of 32 products with 24 bits fit in 32.
    Value eight = arith::ConstantOp::create(
        e.b, e.loc,
        DenseElementsAttr::get(i8, e.b.getI8IntegerAttr(8).getValue()));
    auto nibbles = [&](Value words) -> Value {
      Value low =
          arith::AndIOp::create(e.b, e.loc, words, e.splatI32(0x0f0f0f0f));
      return arith::SubIOp::create(e.b, e.loc, asBytes(low), eight);
    };
    out.q[g] = nibbles(packed);
    out.q[4 + g] =
        nibbles(arith::ShRUIOp::create(e.b, e.loc, packed, e.splatI32(4)));
  }
  if (element == WeightElement::Q4_1)
    out.m = e.fma(e.splat(8), out.d, halves(bytes, e.add(at, 32)));
  return out;
}

Value WeightCodec::wordOf(Value x, Value digitsAt, int64_t word) {
  return arith::BitcastOp::create(e.b, e.loc, e.b.getI32Type(),
                                  e.loadScalar(x, e.add(digitsAt, word)));
}

/// Two chains a panel to hide the latency of fma.
void WeightCodec::dotFloats(Value bytes, ArrayRef<Value> panels, Value x,
                            Value k, MutableArrayRef<Value> sums) {
  SmallVector<std::array<Value, 2>> chains(panels.size());
  for (int64_t g = 0; g < wordCount(); ++g) {
    SmallVector<SmallVector<std::pair<int64_t, Value>>> integers(panels.size());
    for (auto [p, at] : llvm::enumerate(panels))
      unpack(
          words(bytes, e.add(at, firstWord() + 64 * g)), g,
          [&](int64_t i, Value value) { integers[p].push_back({i, value}); });
    for (size_t i = 0; i < integers[0].size(); ++i) {
      Value factor =
          e.broadcast(e.loadScalar(x, e.add(k, integers[0][i].first)));
      for (size_t p = 0; p < panels.size(); ++p) {
        Value &chain = chains[p][i % 2];
        Value q = integers[p][i].second;
        chain = chain ? e.fma(q, factor, chain) : e.mulf(q, factor);
      }
    }
  }
  for (size_t p = 0; p < panels.size(); ++p)
    sums[p] = e.addf(chains[p][0], chains[p][1]);
}

/// Digit by digit in integers, exactly: dpbusd multiplies unsigned bytes of W
/// with signed digits of x. Bytes of Q8_0 are made unsigned by adding 128,
/// which the sums start without.
void WeightCodec::dotDigits(Value bytes, ArrayRef<Value> panels, Value x,
                            Value digitsAt, MutableArrayRef<Value> sums) {
  auto i32 = VectorType::get({kLanes}, e.b.getI32Type());
  auto i8 = VectorType::get({64}, e.b.getI8Type());
  bool q8 = element == WeightElement::Q8_0;
  auto asBytes = [&](Value v) -> Value {
    return vector::BitCastOp::create(e.b, e.loc, i8, v);
  };
  SmallVector<std::array<Value, 3>> products(panels.size());
  for (int64_t digit = 0; digit < 3; ++digit) {
    Value start =
        q8 ? e.broadcast(wordOf(x, digitsAt, RowDigits::kOffsets + digit))
           : e.splatI32(0);
    for (auto &product : products)
      product[digit] = start;
  }
  auto multiply = [&](ArrayRef<Value> weights, int64_t k) {
    for (int64_t digit = 0; digit < 3; ++digit) {
      Value four =
          asBytes(e.broadcast(wordOf(x, digitsAt, RowDigits::word(digit, k))));
      for (auto [product, w] : llvm::zip(products, weights))
        product[digit] = LLVM::CallIntrinsicOp::create(
                             e.b, e.loc, i32,
                             e.b.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
                             ValueRange{product[digit], w, four})
                             .getResult(0);
    }
  };
  Value nibbles = e.splatI32(0x0f0f0f0f), flip = e.splatI32(0x80808080);
  for (int64_t g = 0; g < wordCount(); ++g) {
    SmallVector<Value> low, high;
    for (Value at : panels) {
      Value packed = words(bytes, e.add(at, firstWord() + 64 * g));
      if (q8) {
        low.push_back(asBytes(arith::XOrIOp::create(e.b, e.loc, packed, flip)));
        continue;
      }
      low.push_back(
          asBytes(arith::AndIOp::create(e.b, e.loc, packed, nibbles)));
      Value shifted = arith::ShRUIOp::create(e.b, e.loc, packed, e.splatI32(4));
      high.push_back(
          asBytes(arith::AndIOp::create(e.b, e.loc, shifted, nibbles)));
    }
    multiply(low, 4 * g);
    if (!q8)
      multiply(high, 16 + 4 * g);
  }
  Value scale =
      e.broadcast(e.loadScalar(x, e.add(digitsAt, RowDigits::kScale)));
  for (auto [p, product] : llvm::enumerate(products)) {
    auto number = [&](int64_t digit) -> Value {
      return arith::SIToFPOp::create(e.b, e.loc, e.vector(), product[digit]);
    };
    Value sum = e.fma(number(2), e.splat(65536),
                      e.fma(number(1), e.splat(256), number(0)));
    sums[p] = e.mulf(sum, scale);
  }
}

void WeightCodec::dot(Value bytes, ArrayRef<Value> panels, Value x, Value k,
                      Value digitsAt, MutableArrayRef<Value> sums) {
  if (!isQuantised()) {
    SmallVector<SmallVector<Value>> w;
    for (Value at : panels)
      w.push_back(decode(bytes, at));
    for (int64_t i = 0; i < layout.depth; ++i) {
      Value factor = e.broadcast(e.loadScalar(x, e.add(k, i)));
      for (auto [p, sum] : llvm::enumerate(sums))
        sum = e.fma(w[p][i], factor, sum);
    }
    return;
  }
  // d * sum(q x) (+ m * sum(x)): the scale once for a group.
  SmallVector<Value> products(panels.size());
  if (multipliesBytes)
    dotDigits(bytes, panels, x, digitsAt, products);
  else
    dotFloats(bytes, panels, x, k, products);
  Value xSum;
  if (element != WeightElement::Q8_0)
    xSum = e.broadcast(e.loadScalar(x, e.add(digitsAt, RowDigits::kSum)));
  for (auto [p, at] : llvm::enumerate(panels)) {
    if (element == WeightElement::Q4_0)
      products[p] = e.fma(e.splat(-8), xSum, products[p]);
    sums[p] = e.fma(halves(bytes, at), products[p], sums[p]);
    if (element == WeightElement::Q4_1)
      sums[p] = e.fma(halves(bytes, e.add(at, 32)), xSum, sums[p]);
  }
}

} // namespace heed
