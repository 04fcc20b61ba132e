//===- ScalarOps.cpp - Calls, and the numbers of score rules --------------===//
#include "tests/oracle/OracleInterface.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace heed::oracle;
using namespace mlir;

static LogicalResult call(func::CallOp op, State &state) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, op.getCalleeAttr());
  std::vector<Datum> arguments;
  for (Value operand : op.getOperands())
    arguments.push_back(state.get(operand));
  FailureOr<std::vector<Datum>> results =
      evaluateFunction(callee, arguments, state.around);
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip(op.getResults(), *results))
    state.set(result, value);
  return success();
}

static double toDouble(APFloat value) {
  bool loses;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
  return value.convertToDouble();
}

/// A number, or a dense tensor.
static LogicalResult constant(arith::ConstantOp op, State &state) {
  if (auto real = dyn_cast<FloatAttr>(op.getValue())) {
    state.set(op, toDouble(real.getValue()));
    return success();
  }
  if (auto integer = dyn_cast<IntegerAttr>(op.getValue())) {
    state.set(op, integer.getValue().getSExtValue());
    return success();
  }
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!dense || !type)
    return op.emitOpError("is not known to the oracle");
  Tensor tensor(axesOf(type), type.getShape());
  if (isa<FloatType>(type.getElementType())) {
    for (auto [into, from] :
         llvm::zip(tensor.values, dense.getValues<APFloat>()))
      into = toDouble(from);
  } else {
    for (auto [into, from] : llvm::zip(tensor.values, dense.getValues<APInt>()))
      into = double(from.getSExtValue());
  }
  state.set(op, datum(std::move(tensor)));
  return success();
}

template <typename Op, double (*fn)(double)>
static LogicalResult unary(Op op, State &state) {
  state.set(op.getResult(), fn(state.real(op->getOperand(0))));
  return success();
}
template <typename Op, double (*fn)(double, double)>
static LogicalResult binary(Op op, State &state) {
  state.set(op.getResult(),
            fn(state.real(op->getOperand(0)), state.real(op->getOperand(1))));
  return success();
}
template <typename Op, int64_t (*fn)(int64_t, int64_t)>
static LogicalResult integer(Op op, State &state) {
  state.set(op.getResult(), fn(state.integer(op->getOperand(0)),
                               state.integer(op->getOperand(1))));
  return success();
}

/// Division and remainder: not by zero.
template <typename Op, int64_t (*fn)(int64_t, int64_t)>
static LogicalResult division(Op op, State &state) {
  if (state.integer(op->getOperand(1)) == 0)
    return op.emitOpError("divides by zero");
  return integer<Op, fn>(op, state);
}

static LogicalResult select(arith::SelectOp op, State &state) {
  bool which = state.integer(op.getCondition()) != 0;
  state.set(op, state.get(which ? op.getTrueValue() : op.getFalseValue()));
  return success();
}

static LogicalResult compareIntegers(arith::CmpIOp op, State &state) {
  APInt a(64, state.integer(op.getLhs()), true),
      b(64, state.integer(op.getRhs()), true);
  state.set(op, int64_t(arith::applyCmpPredicate(op.getPredicate(), a, b)));
  return success();
}

static LogicalResult compareReals(arith::CmpFOp op, State &state) {
  APFloat a(state.real(op.getLhs())), b(state.real(op.getRhs()));
  state.set(op, int64_t(arith::applyCmpPredicate(op.getPredicate(), a, b)));
  return success();
}

template <typename Op> static LogicalResult copy(Op op, State &state) {
  state.set(op.getResult(), state.get(op->getOperand(0)));
  return success();
}
template <typename Op> static LogicalResult toReal(Op op, State &state) {
  state.set(op.getResult(), double(state.integer(op->getOperand(0))));
  return success();
}
static LogicalResult toInteger(arith::FPToSIOp op, State &state) {
  state.set(op, int64_t(state.real(op.getIn())));
  return success();
}

static double plus(double a, double b) { return a + b; }
static double minus(double a, double b) { return a - b; }
static double times(double a, double b) { return a * b; }
static double over(double a, double b) { return a / b; }
static double larger(double a, double b) { return std::max(a, b); }
static double smaller(double a, double b) { return std::min(a, b); }
static double negative(double a) { return -a; }

static int64_t plusI(int64_t a, int64_t b) { return a + b; }
static int64_t minusI(int64_t a, int64_t b) { return a - b; }
static int64_t timesI(int64_t a, int64_t b) { return a * b; }
static int64_t largerI(int64_t a, int64_t b) { return std::max(a, b); }
static int64_t smallerI(int64_t a, int64_t b) { return std::min(a, b); }
static int64_t overI(int64_t a, int64_t b) { return a / b; }
static int64_t restI(int64_t a, int64_t b) { return a % b; }
static int64_t floorOverI(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
static int64_t both(int64_t a, int64_t b) { return a & b; }
static int64_t either(int64_t a, int64_t b) { return a | b; }
static int64_t differ(int64_t a, int64_t b) { return a ^ b; }

template <typename Op, LogicalResult (*meaning)(Op, State &)>
static void attach(MLIRContext *context) {
  Op::template attachInterface<Meaning<Op, meaning>>(*context);
}

static void attachArith(MLIRContext *c) {
  using namespace arith;
  attach<ConstantOp, constant>(c);
  attach<AddFOp, binary<AddFOp, plus>>(c);
  attach<SubFOp, binary<SubFOp, minus>>(c);
  attach<MulFOp, binary<MulFOp, times>>(c);
  attach<DivFOp, binary<DivFOp, over>>(c);
  attach<RemFOp, binary<RemFOp, std::fmod>>(c);
  attach<MaximumFOp, binary<MaximumFOp, larger>>(c);
  attach<MaxNumFOp, binary<MaxNumFOp, larger>>(c);
  attach<MinimumFOp, binary<MinimumFOp, smaller>>(c);
  attach<MinNumFOp, binary<MinNumFOp, smaller>>(c);
  attach<NegFOp, unary<NegFOp, negative>>(c);
  attach<AddIOp, integer<AddIOp, plusI>>(c);
  attach<SubIOp, integer<SubIOp, minusI>>(c);
  attach<MulIOp, integer<MulIOp, timesI>>(c);
  attach<MaxSIOp, integer<MaxSIOp, largerI>>(c);
  attach<MinSIOp, integer<MinSIOp, smallerI>>(c);
  attach<AndIOp, integer<AndIOp, both>>(c);
  attach<OrIOp, integer<OrIOp, either>>(c);
  attach<XOrIOp, integer<XOrIOp, differ>>(c);
  attach<DivSIOp, division<DivSIOp, overI>>(c);
  attach<RemSIOp, division<RemSIOp, restI>>(c);
  attach<FloorDivSIOp, division<FloorDivSIOp, floorOverI>>(c);
  attach<CmpIOp, compareIntegers>(c);
  attach<CmpFOp, compareReals>(c);
  attach<SelectOp, select>(c);
  attach<IndexCastOp, copy<IndexCastOp>>(c);
  attach<ExtSIOp, copy<ExtSIOp>>(c);
  attach<SIToFPOp, toReal<SIToFPOp>>(c);
  attach<FPToSIOp, toInteger>(c);
}

static void attachMath(MLIRContext *c) {
  using namespace math;
  attach<ExpOp, unary<ExpOp, std::exp>>(c);
  attach<Exp2Op, unary<Exp2Op, std::exp2>>(c);
  attach<LogOp, unary<LogOp, std::log>>(c);
  attach<Log2Op, unary<Log2Op, std::log2>>(c);
  attach<SqrtOp, unary<SqrtOp, std::sqrt>>(c);
  attach<TanhOp, unary<TanhOp, std::tanh>>(c);
  attach<ErfOp, unary<ErfOp, std::erf>>(c);
  attach<AbsFOp, unary<AbsFOp, std::fabs>>(c);
  attach<SinOp, unary<SinOp, std::sin>>(c);
  attach<CosOp, unary<CosOp, std::cos>>(c);
  attach<FloorOp, unary<FloorOp, std::floor>>(c);
  attach<PowFOp, binary<PowFOp, std::pow>>(c);
}

void heed::oracle::registerScalarModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, func::FuncDialect *) {
    attach<func::CallOp, call>(context);
  });
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    attachArith(context);
  });
  registry.addExtension(
      +[](MLIRContext *context, math::MathDialect *) { attachMath(context); });
}
