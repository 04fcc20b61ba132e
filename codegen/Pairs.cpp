//===- Pairs.cpp - Pairs of bf16 in vectors -------------------------------===//
#include "codegen/Pairs.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace heed {

VectorType Pairs::type() const {
  return VectorType::get(2 * v.lanes, v.b.getBF16Type());
}

static Value intrinsic(const VectorBuilder &v, StringRef name, Type type,
                       ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(v.b, v.loc, type,
                                       v.b.getStringAttr(name), operands)
      .getResult(0);
}

Value Pairs::join(Value first, Value second) const {
  return intrinsic(v, "llvm.x86.avx512bf16.cvtne2ps2bf16.512", type(),
                   {second, first});
}

Value Pairs::of(Value first, Value second) const {
  Value joined = join(first, second);
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < v.lanes; ++lane)
    order.append({lane, lane + v.lanes});
  return vector::ShuffleOp::create(v.b, v.loc, joined, joined, order);
}

Value Pairs::ones() const {
  Attribute one = v.b.getFloatAttr(v.b.getBF16Type(), 1);
  return arith::ConstantOp::create(v.b, v.loc,
                                   DenseElementsAttr::get(type(), one));
}

Value Pairs::interleave(Value first, Value second) const {
  int64_t length = cast<VectorType>(first.getType()).getDimSize(0);
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < length; ++lane)
    order.append({lane, lane + length});
  return vector::ShuffleOp::create(v.b, v.loc, first, second, order);
}

Value Pairs::load(Value memref, ValueRange indices) const {
  return vector::LoadOp::create(v.b, v.loc, type(), memref, indices);
}
void Pairs::store(Value pairs, Value memref, ValueRange indices) const {
  vector::StoreOp::create(v.b, v.loc, pairs, memref, indices);
}

Value Pairs::broadcast(Value memref, ValueRange indices) const {
  auto two = VectorType::get(2, v.b.getBF16Type());
  auto one = VectorType::get(1, v.b.getI32Type());
  Value pair = vector::LoadOp::create(v.b, v.loc, two, memref, indices);
  Value bits = vector::BitCastOp::create(v.b, v.loc, one, pair);
  Value word = vector::ExtractOp::create(v.b, v.loc, bits, 0);
  return vector::BitCastOp::create(v.b, v.loc, type(), v.broadcast(word));
}

Value Pairs::dot(Value sum, Value x, Value y) const {
  return intrinsic(v, "llvm.x86.avx512bf16.dpbf16ps.512", v.f32(), {sum, x, y});
}

} // namespace heed
