//===- Emit.cpp - Short words for building loops and vectors --------------===//
#include "codegen/Emit.h"

using namespace mlir;

namespace heed {

Value Emit::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}
Value Emit::add(Value lhs, Value rhs) {
  return b.createOrFold<arith::AddIOp>(loc, lhs, rhs);
}
Value Emit::add(Value lhs, int64_t rhs) {
  return rhs ? add(lhs, index(rhs)) : lhs;
}
Value Emit::sub(Value lhs, Value rhs) {
  return b.createOrFold<arith::SubIOp>(loc, lhs, rhs);
}
Value Emit::mul(Value lhs, Value rhs) {
  return b.createOrFold<arith::MulIOp>(loc, lhs, rhs);
}
Value Emit::mul(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : mul(lhs, index(rhs));
}
Value Emit::div(Value lhs, Value rhs) {
  return b.createOrFold<arith::DivUIOp>(loc, lhs, rhs);
}
Value Emit::div(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : div(lhs, index(rhs));
}
Value Emit::rem(Value lhs, Value rhs) {
  return b.createOrFold<arith::RemUIOp>(loc, lhs, rhs);
}
Value Emit::rem(Value lhs, int64_t rhs) { return rem(lhs, index(rhs)); }
Value Emit::ceilDiv(Value lhs, int64_t rhs) {
  return div(add(lhs, rhs - 1), rhs);
}
Value Emit::min(Value lhs, Value rhs) {
  return b.createOrFold<arith::MinSIOp>(loc, lhs, rhs);
}
Value Emit::max(Value lhs, Value rhs) {
  return b.createOrFold<arith::MaxSIOp>(loc, lhs, rhs);
}
Value Emit::less(Value lhs, Value rhs) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, lhs,
                                       rhs);
}
Value Emit::equal(Value lhs, Value rhs) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, lhs, rhs);
}
Value Emit::select(Value condition, Value yes, Value no) {
  return b.createOrFold<arith::SelectOp>(loc, condition, yes, no);
}
Value Emit::toIndex(Value value) {
  return value.getType().isIndex()
             ? value
             : b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), value);
}
Value Emit::toI32(Value index) {
  return b.createOrFold<arith::IndexCastOp>(loc, b.getI32Type(), index);
}

// Bodies are built once their op stands in the function, so that they can look
// around from where they are.
void Emit::loop(Value lo, Value hi, Value step,
                function_ref<void(Value)> body) {
  auto op = scf::ForOp::create(b, loc, lo, hi, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.getBody()->getTerminator());
  body(op.getInductionVar());
}

SmallVector<Value>
Emit::loop(Value lo, Value hi, int64_t step, ValueRange init,
           function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(b, loc, lo, hi, index(step), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(op.getBody());
  SmallVector<Value> next = body(op.getInductionVar(), op.getRegionIterArgs());
  scf::YieldOp::create(b, loc, next);
  return SmallVector<Value>(op.getResults());
}

void Emit::when(Value condition, function_ref<void()> yes,
                function_ref<void()> no) {
  auto op = scf::IfOp::create(b, loc, condition, static_cast<bool>(no));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.thenBlock()->getTerminator());
  yes();
  if (no) {
    b.setInsertionPoint(op.elseBlock()->getTerminator());
    no();
  }
}

Value Emit::splat(double value) {
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(vector(), static_cast<float>(value)));
}
Value Emit::constant(double value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}
Value Emit::splatI32(int64_t value) {
  return arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(VectorType::get({kLanes}, b.getI32Type()),
                             static_cast<int32_t>(value)));
}
Value Emit::broadcast(Value scalar) {
  return vector::BroadcastOp::create(
      b, loc, VectorType::get({kLanes}, scalar.getType()), scalar);
}
Value Emit::load(Value memory, Value at) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  return vector::LoadOp::create(b, loc, VectorType::get({kLanes}, element),
                                memory, at);
}
void Emit::store(Value value, Value memory, Value at) {
  vector::StoreOp::create(b, loc, value, memory, at);
}

Value Emit::load(Value memory, Value at, Value count) {
  if (!count)
    return load(memory, at);
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  VectorType type = VectorType::get({kLanes}, element);
  Value mask = vector::CreateMaskOp::create(
      b, loc, VectorType::get({kLanes}, b.getI1Type()), count);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return vector::MaskedLoadOp::create(b, loc, type, memory, at, mask, zero);
}
void Emit::store(Value value, Value memory, Value at, Value count) {
  if (!count)
    return store(value, memory, at);
  Value mask = vector::CreateMaskOp::create(
      b, loc, VectorType::get({kLanes}, b.getI1Type()), count);
  vector::MaskedStoreOp::create(b, loc, memory, at, mask, value);
}

Value Emit::loadScalar(Value memory, Value at) {
  return memref::LoadOp::create(b, loc, memory, at);
}
void Emit::storeScalar(Value value, Value memory, Value at) {
  memref::StoreOp::create(b, loc, value, memory, at);
}
Value Emit::fma(Value x, Value y, Value sum) {
  return math::FmaOp::create(b, loc, x, y, sum);
}
Value Emit::addf(Value x, Value y) {
  return arith::AddFOp::create(b, loc, x, y);
}
Value Emit::subf(Value x, Value y) {
  return arith::SubFOp::create(b, loc, x, y);
}
Value Emit::mulf(Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}
Value Emit::divf(Value x, Value y) {
  return arith::DivFOp::create(b, loc, x, y);
}
Value Emit::sumLanes(Value vector) {
  // A tree of adds in one order on every target, instead of a strict chain
  // of 16.
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, vector,
                                     arith::FastMathFlags::reassoc);
}

Value Emit::sizeOf(Value memory) {
  return b.createOrFold<memref::DimOp>(loc, memory, 0);
}

Value Emit::view(Value bytes, Value at, Type element, Value count) {
  auto type = MemRefType::get({ShapedType::kDynamic}, element);
  return memref::ViewOp::create(b, loc, type, bytes, at, ValueRange{count});
}

Value Emit::constantTable(DenseElementsAttr data, StringRef prefix) {
  auto module =
      b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  Type element = data.getElementType();
  data = data.reshape(RankedTensorType::get({data.getNumElements()}, element));
  auto type = MemRefType::get(data.getType().getShape(), element);
  std::string name;
  for (auto global : module.getOps<memref::GlobalOp>())
    if (global.getInitialValueAttr() == data)
      name = global.getSymName();
  if (name.empty()) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    unsigned number = llvm::range_size(module.getOps<memref::GlobalOp>());
    name = (prefix + "_" + Twine(number)).str();
    memref::GlobalOp::create(b, loc, name, b.getStringAttr("private"), type,
                             data, true, b.getI64IntegerAttr(64));
  }
  Value global = memref::GetGlobalOp::create(b, loc, type, name);
  return memref::CastOp::create(
      b, loc, MemRefType::get({ShapedType::kDynamic}, element), global);
}

} // namespace heed
