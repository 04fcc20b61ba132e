//===- State.cpp - The values of a function while it is evaluated ---------===//
#include "ir/Axes.h"
#include "tests/oracle/OracleInterface.h"

using namespace heed::oracle;
using namespace mlir;

const Datum &State::get(Value value) const {
  auto found = data.find(value);
  if (found == data.end())
    llvm::report_fatal_error("the oracle reads a value before it is computed");
  return found->second;
}

LogicalResult heed::oracle::evaluateBlock(Block &block, State &state) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      return success();
    auto meaning = dyn_cast<OracleOpInterface>(op);
    if (!meaning)
      return op.emitOpError("is not known to the oracle");
    if (failed(meaning.evaluate(state)))
      return failure();
  }
  return success();
}

FailureOr<std::vector<Datum>>
heed::oracle::evaluateFunction(func::FuncOp function, ArrayRef<Datum> arguments,
                               Surroundings &around) {
  if (function.isDeclaration())
    return function.emitOpError("has no body to evaluate");
  if (!function.getBody().hasOneBlock())
    return function.emitOpError(
        "has control flow, which the oracle does not know");
  State state(around);
  Block &body = function.getBody().front();
  for (auto [argument, datum] : llvm::zip_equal(body.getArguments(), arguments))
    state.set(argument, datum);
  if (failed(evaluateBlock(body, state)))
    return failure();
  std::vector<Datum> results;
  for (Value result : body.getTerminator()->getOperands())
    results.push_back(state.get(result));
  return results;
}

std::vector<std::string> heed::oracle::axesOf(Type type) {
  std::vector<std::string> axes;
  for (StringAttr name : attn::axisNames(type))
    axes.push_back(name.str());
  if (axes.empty())
    for (int64_t i = 0; i < cast<RankedTensorType>(type).getRank(); ++i)
      axes.push_back("d" + std::to_string(i));
  return axes;
}
