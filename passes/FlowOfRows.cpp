// Ops that work row by row, shift, choose or keep rows.
#include "passes/FlowBuilder.h"

#include "ir/Axes.h"

using namespace heed;
using namespace heed::attn;
using namespace mlir;
using masks::FlowGraph;

/// Rows, LastAxis and Shift: row by row, but for what lies along the last
/// axis.
void FlowBuilder::onRows(Frame &frame, Operation *op) {
  bool takesPairs = false;
  std::vector<std::pair<FlowState, OpOperand *>> operands;
  for (OpOperand &operand : op->getOpOperands())
    if (std::optional<FlowState> state = stateOf(frame, operand.get())) {
      takesPairs |= state->isPairs;
      operands.emplace_back(*state, &operand);
    }
  if (takesPairs)
    return onPairs(frame, op);
  SmallVector<FlowGraph::Edge> outside;
  for (Region &region : op->getRegions())
    for (Value value : captured(region))
      if (std::optional<FlowState> state = stateOf(frame, value)) {
        if (state->isPairs)
          return opaque(frame, op);
        outside.push_back({state->node, FlowGraph::identity});
      }
  if (operands.empty() && outside.empty())
    return;
  for (Value result : op->getResults()) {
    SmallVector<FlowGraph::Edge> edges(outside);
    std::string axis;
    for (auto &[state, operand] : operands)
      edges.push_back(
          {state.node, rowRelation(op, state, operand, result, axis)});
    setRows(frame, result, axis, edges);
  }
}

/// How a result's rows read those of an operand; sets the result's axis.
unsigned FlowBuilder::rowRelation(Operation *op, const FlowState &state,
                                  OpOperand *operand, Value result,
                                  std::string &axis) {
  if (state.axis.empty()) // the same for all rows
    return FlowGraph::identity;
  ArrayRef<StringAttr> from = axisNames(operand->get().getType()),
                       to = axisNames(result.getType());
  bool isLast = !from.empty() && from.back() == state.axis;
  RowFlow kind = rowFlowOf(op);
  if (isLast && kind == RowFlow::Shift && !to.empty()) {
    axis = to.back().str();
    std::optional<int64_t> by = shiftOf(*operand);
    std::string what = by ? "shift " + std::to_string(*by) : nameOf(op);
    if (!by)
      return everything(op, what);
    return relation(op, what, [&] {
      return masks::within(masks::shiftFlow(op->getContext(), *by),
                           sizeOf(result.getType(), axis),
                           sizeOf(operand->get().getType(), state.axis));
    });
  }
  bool keeps =
      isa<CacheType>(result.getType()) ||
      llvm::any_of(to, [&](StringAttr name) { return name == state.axis; });
  if (keeps)
    axis = state.axis;
  bool mixes = isLast && kind != RowFlow::Rows;
  return keeps && !mixes ? unsigned(FlowGraph::identity)
                         : everything(op, nameOf(op));
}

void FlowBuilder::select(Frame &frame, Operation *op) {
  std::optional<FlowState> x = stateOf(frame, op->getOperand(0));
  if (!x || x->isPairs)
    return opaque(frame, op);
  setRows(frame, op->getResult(0),
          axisNames(op->getResult(0).getType()).front().getValue(),
          {{x->node, FlowGraph::identity}});
}

void FlowBuilder::append(Frame &frame, Operation *op) {
  SmallVector<FlowGraph::Edge> edges;
  std::string axis;
  for (Value operand : op->getOperands())
    if (std::optional<FlowState> state = stateOf(frame, operand)) {
      if (state->isPairs)
        return opaque(frame, op);
      edges.push_back({state->node, FlowGraph::identity});
      axis = state->axis;
    }
  setRows(frame, op->getResult(0), axis, edges);
  flow.cached.push_back(frame[op->getResult(0)].node);
}
