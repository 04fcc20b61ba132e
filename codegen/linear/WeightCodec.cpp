//===- WeightCodec.cpp - Packed weights become f32 vectors in registers ---===//
#include "codegen/linear/WeightCodec.h"

#include <array>

using namespace mlir;
using namespace heed::attn;

namespace heed {

WeightCodec::WeightCodec(Emit &e, WeightElement element, TargetAttr target)
    : e(e), element(element), layout(packedGroup(element)),
      permutes(target && target.getFeatures().getValue().contains("+avx512f")) {}

/// 64 bytes as 16 words.
Value WeightCodec::words(Value bytes, Value at) {
  Value raw = vector::LoadOp::create(e.b, e.loc, VectorType::get({64}, e.b.getI8Type()), bytes, at);
  return vector::BitCastOp::create(e.b, e.loc, VectorType::get({kLanes}, e.b.getI32Type()), raw);
}

/// 16 f16 as f32.
Value WeightCodec::halves(Value bytes, Value at) {
  Value raw = vector::LoadOp::create(e.b, e.loc, VectorType::get({32}, e.b.getI8Type()), bytes, at);
  Value half = vector::BitCastOp::create(e.b, e.loc, VectorType::get({kLanes}, e.b.getF16Type()), raw);
  return arith::ExtFOp::create(e.b, e.loc, e.vector(), half);
}

/// Bits shift..shift+4 of each word as f32 0..15. A 16-lane permute reads just the low 4 bits of its index, so a table
/// of the numbers 0..15 saves the mask and the conversion.
Value WeightCodec::nibble(Value words, int64_t shift) {
  Value bits = shift ? arith::ShRUIOp::create(e.b, e.loc, words, e.splatI32(shift)).getResult() : words;
  if (permutes) {
    SmallVector<float> numbers;
    for (int i = 0; i < 16; ++i)
      numbers.push_back(i);
    Value table = arith::ConstantOp::create(e.b, e.loc, DenseElementsAttr::get(e.vector(), ArrayRef<float>(numbers)));
    return LLVM::CallIntrinsicOp::create(e.b, e.loc, e.vector(), e.b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
                                         ValueRange{table, bits})
        .getResult(0);
  }
  Value low = arith::AndIOp::create(e.b, e.loc, bits, e.splatI32(15));
  return arith::SIToFPOp::create(e.b, e.loc, e.vector(), low);
}

Value WeightCodec::signedByte(Value words, int64_t byte) {
  Value top = byte == 3 ? words : arith::ShLIOp::create(e.b, e.loc, words, e.splatI32(24 - 8 * byte)).getResult();
  Value value = arith::ShRSIOp::create(e.b, e.loc, top, e.splatI32(24));
  return arith::SIToFPOp::create(e.b, e.loc, e.vector(), value);
}

void WeightCodec::unpack(Value packed, int64_t g, function_ref<void(int64_t, Value)> each) {
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
    Value raw = vector::LoadOp::create(e.b, e.loc, VectorType::get({64}, e.b.getI8Type()), bytes, at);
    return {vector::BitCastOp::create(e.b, e.loc, e.vector(), raw)};
  }
  case WeightElement::BF16: {
    Value pair = words(bytes, at);
    Value low = arith::ShLIOp::create(e.b, e.loc, pair, e.splatI32(16));
    Value high = arith::AndIOp::create(e.b, e.loc, pair, e.splatI32(0xffff0000));
    return {vector::BitCastOp::create(e.b, e.loc, e.vector(), low),
            vector::BitCastOp::create(e.b, e.loc, e.vector(), high)};
  }
  case WeightElement::F16: {
    Value pair = words(bytes, at);
    Value high = arith::ShRUIOp::create(e.b, e.loc, pair, e.splatI32(16));
    SmallVector<Value> out;
    for (Value bits : {pair, high}) {
      Value narrow = arith::TruncIOp::create(e.b, e.loc, VectorType::get({kLanes}, e.b.getI16Type()), bits);
      Value half = vector::BitCastOp::create(e.b, e.loc, VectorType::get({kLanes}, e.b.getF16Type()), narrow);
      out.push_back(arith::ExtFOp::create(e.b, e.loc, e.vector(), half));
    }
    return out;
  }
  case WeightElement::Q8_0:
  case WeightElement::Q4_0:
  case WeightElement::Q4_1: {
    SmallVector<Value> out(layout.depth);
    for (int64_t g = 0; g < wordCount(); ++g)
      unpack(words(bytes, e.add(at, firstWord() + 64 * g)), g, [&](int64_t k, Value value) { out[k] = value; });
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

void WeightCodec::dot(Value bytes, ArrayRef<Value> panels, function_ref<Value(int64_t)> x, Value xSum,
                      MutableArrayRef<Value> sums) {
  if (layout.depth < 32) {
    SmallVector<SmallVector<Value>> w;
    for (Value at : panels)
      w.push_back(decode(bytes, at));
    for (int64_t k = 0; k < layout.depth; ++k) {
      Value factor = x(k);
      for (auto [p, sum] : llvm::enumerate(sums))
        sum = e.fma(w[p][k], factor, sum);
    }
    return;
  }
  // d * sum(q x) (+ m * sum(x)): the scale once for a group, two chains a panel to hide the latency of fma.
  SmallVector<std::array<Value, 2>> chains(panels.size());
  for (int64_t g = 0; g < wordCount(); ++g) {
    SmallVector<SmallVector<std::pair<int64_t, Value>>> integers(panels.size());
    for (auto [p, at] : llvm::enumerate(panels))
      unpack(words(bytes, e.add(at, firstWord() + 64 * g)), g,
             [&](int64_t k, Value value) { integers[p].push_back({k, value}); });
    for (size_t i = 0; i < integers[0].size(); ++i) {
      Value factor = x(integers[0][i].first);
      for (size_t p = 0; p < panels.size(); ++p) {
        Value &chain = chains[p][i % 2];
        Value q = integers[p][i].second;
        chain = chain ? e.fma(q, factor, chain) : e.mulf(q, factor);
      }
    }
  }
  for (auto [p, at] : llvm::enumerate(panels)) {
    Value sum = e.addf(chains[p][0], chains[p][1]);
    if (element == WeightElement::Q4_0)
      sum = e.fma(e.splat(-8), xSum, sum);
    sums[p] = e.fma(halves(bytes, at), sum, sums[p]);
    if (element == WeightElement::Q4_1)
      sums[p] = e.fma(halves(bytes, e.add(at, 32)), xSum, sums[p]);
  }
}

} // namespace heed
