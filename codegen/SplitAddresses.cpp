//===- SplitAddresses.cpp - Addresses as chains of their parts ------------===//
#include "codegen/SplitAddresses.h"
#include "codegen/ReplaceInstructions.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Support/KnownBits.h"

using namespace llvm;
using namespace llvm::PatternMatch;

namespace heed {
namespace {

/// base + index size, by bytes. Arithmetic wraps.
Value *address(IRBuilder<> &b, const DataLayout &layout, Value *base,
               Value *index, uint64_t size) {
  constexpr uint64_t largest = 1 << 30;
  Value *x, *y;
  uint64_t factor;
  if (match(index, m_ConstantInt(factor)))
    return b.CreatePtrAdd(base, b.getInt64(factor * size));
  if (match(index, m_AddLike(m_Value(x), m_Value(y))))
    return address(b, layout, address(b, layout, base, x, size), y, size);
  if (match(index, m_Shl(m_Value(x), m_ConstantInt(factor))) && factor < 30 &&
      size << factor <= largest)
    return address(b, layout, base, x, size << factor);
  if (match(index, m_Mul(m_Value(x), m_ConstantInt(factor))) &&
      factor <= largest / size)
    return address(b, layout, base, x, size * factor);
  if (match(index, m_LShr(m_Value(x), m_ConstantInt(factor))) && factor < 30 &&
      size % (1 << factor) == 0 &&
      computeKnownBits(x, layout).countMinTrailingZeros() >= factor)
    return address(b, layout, base, x, size >> factor);
  // What x86 scales by itself.
  if (size <= 8 && isPowerOf2_64(size))
    return b.CreateGEP(b.getIntNTy(8 * size), base, index);
  return b.CreatePtrAdd(base, isPowerOf2_64(size)
                                  ? b.CreateShl(index, Log2_64(size))
                                  : b.CreateMul(index, b.getInt64(size)));
}

/// What stands for a division or its rest, or null.
Value *byShift(Instruction &instruction) {
  const APInt *divisor;
  Value *x;
  IRBuilder<> b(&instruction);
  if (match(&instruction, m_UDiv(m_Value(x), m_Power2(divisor))))
    return b.CreateLShr(x, divisor->logBase2());
  if (match(&instruction, m_URem(m_Value(x), m_Power2(divisor))))
    return b.CreateAnd(x, ConstantInt::get(x->getType(), *divisor - 1));
  return nullptr;
}

Value *split(GetElementPtrInst &whole, const DataLayout &layout) {
  Value *index = whole.getOperand(1);
  TypeSize size = layout.getTypeAllocSize(whole.getSourceElementType());
  if (whole.getNumIndices() != 1 || !index->getType()->isIntegerTy(64) ||
      whole.getType()->isVectorTy() || size.isZero())
    return nullptr;
  IRBuilder<> b(&whole);
  return address(b, layout, whole.getPointerOperand(), index,
                 size.getFixedValue());
}

} // namespace

PreservedAnalyses SplitAddresses::run(Function &function,
                                      FunctionAnalysisManager &) {
  const DataLayout &layout = function.getDataLayout();
  return replaceInstructions(function, [&](Instruction &instruction) {
    auto *whole = dyn_cast<GetElementPtrInst>(&instruction);
    return whole ? split(*whole, layout) : byShift(instruction);
  });
}

} // namespace heed
