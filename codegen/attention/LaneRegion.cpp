//===- LaneRegion.cpp - A scalar rule, evaluated for a vector of rows -----===//
#include "codegen/attention/LaneRegion.h"
#include "codegen/VectorMath.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace heed::attn {

LaneRegion::LaneRegion(Region &region, ArrayRef<unsigned> lateArguments,
                       int64_t lanes, Value result, ArrayRef<Value> lateValues)
    : region(region), lanes(lanes), result(result) {
  Block &block = region.front();
  if (!result)
    this->result = block.getTerminator()->getOperand(0);
  for (unsigned number : lateArguments)
    late.push_back(block.getArgument(number));
  llvm::append_range(late, lateValues);
  DenseSet<Value> needed{this->result}, isLate(late.begin(), late.end());
  for (Operation &op : llvm::reverse(block.without_terminator()))
    if (llvm::any_of(op.getResults(), [&](Value made) {
          return needed.contains(made) && !isLate.contains(made);
        }))
      needed.insert(op.operand_begin(), op.operand_end());
  for (Operation &op : block.without_terminator()) {
    Value made = op.getResult(0);
    if (!needed.contains(made) || isLate.contains(made))
      continue;
    bool readsLate = llvm::any_of(
        op.getOperands(), [&](Value value) { return isLate.contains(value); });
    if (readsLate)
      isLate.insert(made);
    (readsLate ? lateOps : earlyOps).push_back(&op);
  }
}

LogicalResult LaneRegion::prepare(OpBuilder &b,
                                  ArrayRef<std::pair<unsigned, Value>> early) {
  for (auto [number, value] : early)
    prepared.map(region.getArgument(number), value);
  for (Operation *op : earlyOps)
    if (failed(build(b, *op, prepared)))
      return failure();
  return success();
}

FailureOr<Value> LaneRegion::evaluate(OpBuilder &b, ArrayRef<Value> given) {
  IRMapping values = prepared;
  for (auto [value, as] : llvm::zip_equal(late, given))
    values.map(value, as);
  for (Operation *op : lateOps)
    if (failed(build(b, *op, values)))
      return failure();
  return inLanes(b, result.getLoc(), values.lookupOrDefault(result));
}

/// The type of `lanes` values of that scalar type.
static VectorType laneType(Type scalar, int64_t lanes) {
  Type element =
      scalar.isIndex() ? IntegerType::get(scalar.getContext(), 32) : scalar;
  return VectorType::get(lanes, element);
}

Value LaneRegion::inLanes(OpBuilder &b, Location loc, Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  APInt constant;
  if (value.getType().isIndex() &&
      matchPattern(value, m_ConstantInt(&constant))) {
    int64_t saturated =
        std::clamp<int64_t>(constant.getSExtValue(), INT32_MIN, INT32_MAX);
    return VectorBuilder{b, loc, lanes}.constantInt(
        static_cast<int32_t>(saturated));
  }
  if (value.getType().isIndex()) {
    value = arith::MaxSIOp::create(
        b, loc, value, arith::ConstantIndexOp::create(b, loc, INT32_MIN));
    value = arith::MinSIOp::create(
        b, loc, value, arith::ConstantIndexOp::create(b, loc, INT32_MAX));
    value = arith::IndexCastOp::create(b, loc, b.getI32Type(), value);
  }
  return VectorBuilder{b, loc, lanes}.broadcast(value);
}

/// floor(x / divisor) in lanes, divisor > 0: for x < 0 it is ~(~x / divisor).
Value LaneRegion::floorDivide(const VectorBuilder &v, Value x,
                              int64_t divisor) {
  Value sign = arith::ShRSIOp::create(v.b, v.loc, x, v.constantInt(31));
  Value magnitude = arith::XOrIOp::create(v.b, v.loc, x, sign);
  Value quotient = arith::DivUIOp::create(
      v.b, v.loc, magnitude, v.constantInt(static_cast<int32_t>(divisor)));
  return arith::XOrIOp::create(v.b, v.loc, quotient, sign);
}

/// Functions that need an expansion; null for other ops.
FailureOr<Value> LaneRegion::function(OpBuilder &b, Operation &op,
                                      IRMapping &values) {
  auto operand = [&](unsigned i) {
    return inLanes(b, op.getLoc(), values.lookupOrDefault(op.getOperand(i)));
  };
  Location loc = op.getLoc();
  return llvm::TypeSwitch<Operation *, Value>(&op)
      .Case<math::ExpOp>([&](auto) { return vecmath::exp(b, loc, operand(0)); })
      .Case<math::Exp2Op>(
          [&](auto) { return vecmath::exp2(b, loc, operand(0)); })
      .Case<math::LogOp>([&](auto) { return vecmath::log(b, loc, operand(0)); })
      .Case<math::Log2Op>(
          [&](auto) { return vecmath::log2(b, loc, operand(0)); })
      .Case<math::TanhOp>(
          [&](auto) { return vecmath::tanhOfScores(b, loc, operand(0)); })
      .Case<math::ErfOp>([&](auto) { return vecmath::erf(b, loc, operand(0)); })
      .Case<math::PowFOp>(
          [&](auto) { return vecmath::pow(b, loc, operand(0), operand(1)); })
      .Default([](Operation *) { return Value(); });
}

LogicalResult LaneRegion::build(OpBuilder &b, Operation &op,
                                IRMapping &values) {
  Location loc = op.getLoc();
  if (isa<math::MathDialect>(op.getDialect()) &&
      op.getResultTypes().front().isF32()) {
    FailureOr<Value> result = function(b, op, values);
    if (*result) {
      values.map(op.getResult(0), *result);
      return success();
    }
  }
  bool anyLanes = llvm::any_of(op.getOperands(), [&](Value operand) {
    return isa<VectorType>(values.lookupOrDefault(operand).getType());
  });
  if (!anyLanes) {
    b.clone(op, values);
    return success();
  }

  VectorBuilder v{b, loc, lanes};
  auto inVector = [&](Value operand) {
    return inLanes(b, loc, values.lookupOrDefault(operand));
  };
  auto finish = [&](Value result) {
    values.map(op.getResult(0), result);
    return success();
  };

  if (auto load = dyn_cast<memref::LoadOp>(op)) {
    // Tables are one-dimensional; the rule already bounded the index.
    Value indices = inVector(load.getIndices().front());
    Type element = load.getMemRefType().getElementType();
    Value all = arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(VectorType::get(lanes, b.getI1Type()), true));
    auto type = VectorType::get(lanes, element);
    Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    return finish(vector::GatherOp::create(
        b, loc, type, values.lookupOrDefault(load.getMemRef()),
        ValueRange{v.index(0)}, indices, all, none));
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    Value x = inVector(op.getOperand(0));
    VectorType to = laneType(op.getResult(0).getType(), lanes);
    unsigned from = cast<VectorType>(x.getType()).getElementTypeBitWidth(),
             width = to.getElementTypeBitWidth();
    if (from < width)
      x = arith::ExtSIOp::create(b, loc, to, x);
    else if (from > width)
      x = arith::TruncIOp::create(b, loc, to, x);
    return finish(x);
  }
  APInt divisor;
  if (isa<arith::FloorDivSIOp, arith::CeilDivSIOp>(op) &&
      op.getResult(0).getType().isIndex() &&
      matchPattern(op.getOperand(1), m_ConstantInt(&divisor)) &&
      divisor.isStrictlyPositive() && divisor.getSExtValue() <= INT32_MAX) {
    Value x = inVector(op.getOperand(0)), zero = v.constantInt(0);
    bool up = isa<arith::CeilDivSIOp>(op);
    Value quotient = floorDivide(
        v, up ? arith::SubIOp::create(b, loc, zero, x).getResult() : x,
        divisor.getSExtValue());
    return finish(up ? arith::SubIOp::create(b, loc, zero, quotient).getResult()
                     : quotient);
  }
  APFloat factor(0.0f);
  if (isa<arith::DivFOp>(op) &&
      matchPattern(op.getOperand(1), m_ConstantFloat(&factor)) &&
      &factor.getSemantics() == &APFloat::IEEEsingle() && factor.isNormal()) {
    // A product is many times as fast, and within 1 unit in the last place.
    double inverse = 1.0 / factor.convertToDouble();
    return finish(v.mul(inVector(op.getOperand(0)), v.constant(inverse)));
  }
  if (!OpTrait::hasElementwiseMappableTraits(&op) || op.getNumResults() != 1)
    return op.emitOpError("has no form in lanes: a rule holds elementwise "
                          "arith and math ops and table lookups");
  if (isa<math::SinOp, math::CosOp, math::TanOp, math::Log1pOp, math::ExpM1Op,
          math::Log10Op, math::AtanOp, math::Atan2Op>(op))
    return op.emitOpError("has no form in lanes yet");
  OperationState state(loc, op.getName());
  for (Value operand : op.getOperands())
    state.operands.push_back(inVector(operand));
  state.addTypes(laneType(op.getResult(0).getType(), lanes));
  state.attributes = llvm::to_vector(op.getDiscardableAttrs());
  state.propertiesAttr = op.getPropertiesAsAttribute();
  return finish(b.create(state)->getResult(0));
}

} // namespace heed::attn
