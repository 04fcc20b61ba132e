//===- FusedOps.cpp - What fused ops mean: the same, in one op ------------===//
#include "ir/Axes.h"
#include "tests/oracle/Attention.h"
#include "tests/oracle/Linear.h"
#include "tests/oracle/OracleInterface.h"

using namespace heed::attn;
using namespace heed::oracle;
using namespace mlir;

static LogicalResult maskedSoftmax(MaskedSoftmaxOp op, State &state) {
  FailureOr<Tensor> masked =
      maskScores(state.tensor(op.getX()), maskContext(op, state, op.getRows()),
                 state.around);
  if (failed(masked))
    return failure();
  state.set(
      op.getResult(),
      datum(softmaxOf(std::move(*masked),
                      op.getSinks() ? &state.weight(op.getSinks()) : nullptr)));
  return success();
}

/// The axes that the scores of these queries have.
static std::vector<std::string> scoreAxes(const Tensor &q, StringRef queryAxis,
                                          const Rows *rows) {
  std::vector<std::string> axes;
  for (const std::string &name : q.axes)
    if (name != axis::Head && name != axis::Heads && name != queryAxis)
      axes.push_back(name);
  if (q.has(axis::Heads))
    axes.push_back(axis::Heads.str());
  axes.push_back(rows ? rows->axis : axis::Query.str());
  axes.push_back(axis::Key.str());
  return axes;
}

/// softmax(map(scale Q K^T) where mask) V, plainly: no tiles, no running
/// maximum.
static LogicalResult attention(AttentionOp op, State &state) {
  const Tensor &q = state.tensor(op.getQ());
  const Rows *rows = state.rowsOrNull(op.getQRows());
  const Rows *keyRows = state.rowsOrNull(op.getKvRows());
  FailureOr<Tensor> scores = scoresOf(
      q, state.get(op.getK()), rows, keyRows, op.getScale().convertToDouble(),
      op.getQAxis(), op.getKvAxis(), scoreAxes(q, op.getQAxis(), rows));
  if (!op.getScore().empty())
    scores = mapScores(std::move(*scores), rows, op.getScore().front(), state);
  if (failed(scores))
    return failure();
  scores = maskScores(std::move(*scores),
                      maskContext(op, state, op.getQRows(), op.getKvRows()),
                      state.around);
  if (failed(scores))
    return failure();
  Tensor p = softmaxOf(std::move(*scores),
                       op.getSinks() ? &state.weight(op.getSinks()) : nullptr);
  state.set(op.getResult(),
            datum(combine(p, state.get(op.getV()), rows, keyRows, op.getQAxis(),
                          op.getKvAxis(), axesOf(op.getType()))));
  return success();
}

static LogicalResult fusedLinear(FusedLinearOp op, State &state) {
  Block &prologue = op.getPrologue().front(),
        &epilogue = op.getEpilogue().front();
  state.set(prologue.getArgument(0), state.get(op.getX()));
  if (failed(evaluateBlock(prologue, state)))
    return failure();
  const Tensor &x = state.tensor(prologue.getTerminator()->getOperand(0));
  for (auto [product, weight] :
       llvm::zip(epilogue.getArguments(), op.getWeights()))
    state.set(product, datum(multiply(x, state.weight(weight),
                                      axesOf(product.getType()).back())));
  if (failed(evaluateBlock(epilogue, state)))
    return failure();
  for (auto [result, made] :
       llvm::zip(op.getResults(), epilogue.getTerminator()->getOperands()))
    state.set(result, state.get(made));
  return success();
}

void heed::oracle::registerFusedModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AttnDialect *) {
    MaskedSoftmaxOp::attachInterface<Meaning<MaskedSoftmaxOp, maskedSoftmax>>(
        *context);
    AttentionOp::attachInterface<Meaning<AttentionOp, attention>>(*context);
    FusedLinearOp::attachInterface<Meaning<FusedLinearOp, fusedLinear>>(
        *context);
  });
}
