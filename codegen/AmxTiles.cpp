//===- AmxTiles.cpp - Short words for the tiles of AMX --------------------===//
#include "codegen/AmxTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace heed {

static constexpr int64_t rowSize = 64;

Value AmxTiles::number(int64_t value) const {
  return LLVM::ConstantOp::create(b, loc, b.getI16IntegerAttr(value));
}
Value AmxTiles::asI64(Value index) const {
  return arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
}
Value AmxTiles::pointer(Value memref, Value at) const {
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref);
  Value address = arith::AddIOp::create(b, loc, base, at);
  return LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext()), asI64(address));
}

static LLVM::CallIntrinsicOp call(const AmxTiles &t, StringRef name,
                                  bool isTile, ValueRange operands) {
  StringAttr intrinsic = t.b.getStringAttr(name);
  if (!isTile)
    return LLVM::CallIntrinsicOp::create(t.b, t.loc, intrinsic, operands);
  return LLVM::CallIntrinsicOp::create(
      t.b, t.loc, LLVM::LLVMX86AMXType::get(t.b.getContext()), intrinsic,
      operands);
}

Value AmxTiles::zero() const {
  return call(*this, "llvm.x86.tilezero.internal", true,
              {number(kSide), number(rowSize)})
      .getResult(0);
}
Value AmxTiles::load(int64_t rows, int64_t bytes, Value memref, Value at,
                     Value rowBytes) const {
  return call(*this, "llvm.x86.tileloadd64.internal", true,
              {number(rows), number(bytes), pointer(memref, at),
               asI64(rowBytes)})
      .getResult(0);
}
Value AmxTiles::load(Value memref, Value at, Value rowBytes) const {
  return load(kSide, rowSize, memref, at, rowBytes);
}
Value AmxTiles::loadLeftBytes(Value memref, Value at, Value rowBytes) const {
  return load(kSide, kBytes, memref, at, rowBytes);
}
Value AmxTiles::loadRightBytes(Value memref, Value at) const {
  return load(kByteRows, rowSize, memref, at,
              arith::ConstantIndexOp::create(b, loc, rowSize));
}
void AmxTiles::store(Value tile, Value memref, Value at, Value rowBytes) const {
  call(*this, "llvm.x86.tilestored64.internal", false,
       {number(kSide), number(rowSize), pointer(memref, at), asI64(rowBytes),
        tile});
}
Value AmxTiles::dotBf16(Value c, Value a, Value y) const {
  return call(*this, "llvm.x86.tdpbf16ps.internal", true,
              {number(kSide), number(rowSize), number(rowSize), c, a, y})
      .getResult(0);
}
Value AmxTiles::dotF16(Value c, Value a, Value y) const {
  return call(*this, "llvm.x86.tdpfp16ps.internal", true,
              {number(kSide), number(rowSize), number(rowSize), c, a, y})
      .getResult(0);
}

Value AmxTiles::dotBytes(Value c, Value a, Value y) const {
  return call(*this, "llvm.x86.tdpbusd.internal", true,
              {number(kSide), number(rowSize), number(kBytes), c, a, y})
      .getResult(0);
}

} // namespace heed
