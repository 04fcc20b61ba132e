//===- ConstantsLast.cpp - The constants of an address stand at its end ---===//
#include "codegen/ConstantsLast.h"
#include "codegen/ReplaceInstructions.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/PatternMatch.h"

using namespace llvm;
using namespace llvm::PatternMatch;

namespace heed {
namespace {

/// An integer or a pointer: rest + constant, without a rest where it is null.
struct Sum {
  Value *rest;
  APInt constant;
};

Sum split(Value *value) {
  unsigned width = value->getType()->getScalarSizeInBits();
  const APInt *constant;
  Value *rest;
  if (match(value, m_APInt(constant)))
    return {nullptr, *constant};
  if (match(value, m_AddLike(m_Value(rest), m_APInt(constant))))
    return {rest, *constant};
  return {value, APInt(width, 0)};
}

Sum splitPointer(Value *pointer, const DataLayout &layout) {
  APInt offset(layout.getIndexTypeSizeInBits(pointer->getType()), 0);
  auto *address = dyn_cast<GetElementPtrInst>(pointer);
  if (address && address->accumulateConstantOffset(layout, offset))
    return {address->getPointerOperand(), offset};
  return {pointer, offset};
}

/// What stands for `address`, or null where no constant moves.
Value *rewrite(GetElementPtrInst &address, const DataLayout &layout) {
  Value *index = address.getOperand(1);
  if (address.getNumIndices() != 1 || address.getType()->isVectorTy() ||
      index->getType() != layout.getIndexType(address.getType()))
    return nullptr;
  Type *element = address.getSourceElementType();
  Sum base = splitPointer(address.getPointerOperand(), layout),
      place = split(index);
  if (base.constant.isZero() && (!place.rest || place.constant.isZero()))
    return nullptr;
  APInt size(base.constant.getBitWidth(),
             layout.getTypeAllocSize(element).getFixedValue());
  APInt offset = base.constant + place.constant * size;
  IRBuilder<> b(&address);
  Value *rest = base.rest;
  if (place.rest)
    rest = b.CreateGEP(element, rest, place.rest);
  return b.CreatePtrAdd(rest, b.getInt(offset));
}

/// The same for sums, and for products with a constant. Arithmetic wraps.
Value *rewrite(BinaryOperator &number) {
  Sum x = split(number.getOperand(0)), y = split(number.getOperand(1));
  if (!x.rest)
    return nullptr;
  IRBuilder<> b(&number);
  auto plus = [&](Value *rest, const APInt &constant) {
    return b.CreateAdd(rest, b.getInt(constant));
  };
  switch (number.getOpcode()) {
  case Instruction::Shl:
    if (y.rest || x.constant.isZero())
      return nullptr;
    return plus(b.CreateShl(x.rest, b.getInt(y.constant)),
                x.constant.shl(y.constant));
  case Instruction::Mul:
    if (y.rest || x.constant.isZero())
      return nullptr;
    return plus(b.CreateMul(x.rest, b.getInt(y.constant)),
                x.constant * y.constant);
  case Instruction::Or:
    if (!cast<PossiblyDisjointInst>(number).isDisjoint())
      return nullptr;
    [[fallthrough]];
  case Instruction::Add:
    if (x.constant.isZero() && (!y.rest || y.constant.isZero()))
      return nullptr;
    return plus(y.rest ? b.CreateAdd(x.rest, y.rest) : x.rest,
                x.constant + y.constant);
  case Instruction::Sub:
    if (!y.rest || (x.constant.isZero() && y.constant.isZero()))
      return nullptr;
    return plus(b.CreateSub(x.rest, y.rest), x.constant - y.constant);
  default:
    return nullptr;
  }
}

} // namespace

PreservedAnalyses ConstantsLast::run(Function &function,
                                     FunctionAnalysisManager &) {
  const DataLayout &layout = function.getDataLayout();
  return replaceInstructions(
      function, [&](Instruction &instruction) -> Value * {
        if (auto *address = dyn_cast<GetElementPtrInst>(&instruction))
          return rewrite(*address, layout);
        auto *number = dyn_cast<BinaryOperator>(&instruction);
        return number && number->getType()->isIntegerTy(64) ? rewrite(*number)
                                                            : nullptr;
      });
}

} // namespace heed
