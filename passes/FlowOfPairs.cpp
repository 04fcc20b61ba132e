// Scores, masks and what sums rows up by them.
#include "passes/FlowBuilder.h"

#include "ir/Axes.h"
#include "passes/MaskFlow.h"

using namespace heed;
using namespace heed::attn;
using namespace mlir;
using masks::FlowGraph;

/// Scores taken as rows of queries that see all that may still be seen.
FlowState FlowBuilder::asRows(const FlowState &state, Location at) {
  if (!state.isPairs)
    return state;
  FlowState rows;
  rows.axis = state.qAxis;
  SmallVector<FlowGraph::Edge> edges;
  for (unsigned node : state.queries)
    edges.push_back({node, FlowGraph::identity});
  for (unsigned node : state.keys)
    edges.push_back(
        {node, state.relation.value_or(everything(flow.entry, "scores"))});
  rows.node = graph.addNode(at, "scores", edges);
  return rows;
}

/// Score by score.
void FlowBuilder::onPairs(Frame &frame, Operation *op) {
  FlowState all;
  bool simple = rowFlowOf(op) == RowFlow::Rows && op->getNumResults() == 1;
  for (Value operand : op->getOperands())
    if (std::optional<FlowState> state = stateOf(frame, operand)) {
      bool isFirst = !all.isPairs;
      simple &= state->isPairs && (isFirst || (state->qAxis == all.qAxis &&
                                               state->kvAxis == all.kvAxis));
      if (!simple)
        break;
      bool sameMask = isFirst || all.relation == state->relation;
      all.isPairs = true;
      all.qAxis = state->qAxis;
      all.kvAxis = state->kvAxis;
      all.queries.append(state->queries);
      all.keys.append(state->keys);
      all.relation = sameMask ? state->relation : std::nullopt;
      all.isNormalised =
          (isFirst || all.isNormalised) && sameMask && state->isNormalised;
    }
  for (Region &region : op->getRegions())
    for (Value value : captured(region))
      simple &= !stateOf(frame, value);
  if (!simple)
    return opaque(frame, op);
  frame[op->getResult(0)] = all;
}

/// The rows of an operand along an axis of scores.
void FlowBuilder::addRows(Frame &frame, Operation *op, Value operand,
                          StringRef axis, SmallVectorImpl<unsigned> &nodes) {
  std::optional<FlowState> state = stateOf(frame, operand);
  if (!state)
    return;
  FlowState rows = asRows(*state, op->getLoc());
  bool along = rows.axis.empty() || rows.axis == axis ||
               isa<CacheType>(operand.getType());
  nodes.push_back(
      along ? rows.node
            : graph.addNode(op->getLoc(), nameOf(op),
                            {{rows.node, everything(op, nameOf(op))}}));
}

static StringRef text(Operation *op, StringRef attribute) {
  auto value = op->getAttrOfType<StringAttr>(attribute);
  return value ? value.getValue() : StringRef();
}

void FlowBuilder::scores(Frame &frame, Operation *op) {
  FlowState pairs;
  pairs.isPairs = true;
  pairs.qAxis = text(op, "q_axis").str();
  pairs.kvAxis = text(op, "kv_axis").str();
  addRows(frame, op, op->getOperand(0), pairs.qAxis, pairs.queries);
  addRows(frame, op, op->getOperand(1), pairs.kvAxis, pairs.keys);
  frame[op->getResult(0)] = pairs;
}

/// The pairs that the mask lets through, of those that exist.
unsigned FlowBuilder::maskRelation(Operation *op, const FlowState &pairs,
                                   std::optional<int64_t> queries,
                                   std::optional<int64_t> keys) {
  return relation(op, "mask", [&] {
    return masks::within(
        flowOfMask(op, flowMaskOf(op), pairs.qAxis, pairs.kvAxis), queries,
        keys);
  });
}

/// Tables that the mask looks up decide which pairs are seen.
void FlowBuilder::addTables(Frame &frame, Operation *op,
                            SmallVectorImpl<unsigned> &queries,
                            SmallVectorImpl<unsigned> &keys) {
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    std::optional<FlowState> state = stateOf(frame, operand);
    if (!type || !type.getElementType().isInteger() || !state)
      continue;
    queries.push_back(state->node);
    keys.push_back(state->node);
  }
}

void FlowBuilder::mask(Frame &frame, Operation *op) {
  std::optional<FlowState> state = stateOf(frame, op->getOperand(0));
  if (!state)
    return;
  if (!state->isPairs)
    return opaque(frame, op);
  restrict(frame, op, *state);
  frame[op->getResult(0)] = *state;
}

void FlowBuilder::restrict(Frame &frame, Operation *op, FlowState &state) {
  Type scores = op->getOperand(0).getType();
  StringRef q = findAxis(scores, axis::Query) ? StringRef(axis::Query)
                                              : StringRef(state.qAxis);
  unsigned own =
      maskRelation(op, state, sizeOf(scores, q), sizeOf(scores, axis::Key));
  if (state.relation) {
    unsigned before = *state.relation;
    own = relation(op, "two masks", [&] {
      return masks::intersect(graph.getRelations()[before].flow,
                              graph.getRelations()[own].flow);
    });
  }
  state.relation = own;
  addTables(frame, op, state.queries, state.keys);
}

void FlowBuilder::softmax(Frame &frame, Operation *op) {
  std::optional<FlowState> state = stateOf(frame, op->getOperand(0));
  if (!state)
    return;
  if (!state->isPairs)
    return opaque(frame, op);
  if (flowMaskOf(op))
    restrict(frame, op, *state);
  // Each weight of a row reads all the scores of the row.
  state->queries = {rowsOfPairs(op, *state, {})};
  state->keys.clear();
  state->isNormalised = true;
  frame[op->getResult(0)] = *state;
}

/// Rows of queries that read their pairs, and `values` where these are.
unsigned FlowBuilder::rowsOfPairs(Operation *op, const FlowState &pairs,
                                  ArrayRef<unsigned> values) {
  SmallVector<FlowGraph::Edge> edges;
  unsigned seen = pairs.relation ? *pairs.relation : everything(op, "all keys");
  for (unsigned node : pairs.queries)
    edges.push_back({node, FlowGraph::identity});
  for (unsigned node : pairs.keys)
    edges.push_back({node, seen});
  for (unsigned node : values)
    edges.push_back(
        {node, pairs.isNormalised ? seen : everything(op, "all keys")});
  return graph.addNode(op->getLoc(), nameOf(op), edges);
}

void FlowBuilder::combine(Frame &frame, Operation *op) {
  std::optional<FlowState> pairs = stateOf(frame, op->getOperand(0));
  if (!pairs || !pairs->isPairs)
    return opaque(frame, op);
  SmallVector<unsigned> values;
  addRows(frame, op, op->getOperand(1), pairs->kvAxis, values);
  FlowState rows;
  rows.axis = pairs->qAxis;
  rows.node = rowsOfPairs(op, *pairs, values);
  frame[op->getResult(0)] = rows;
}

void FlowBuilder::attention(Frame &frame, Operation *op) {
  FlowState pairs;
  pairs.qAxis = text(op, "q_axis").str();
  pairs.kvAxis = text(op, "kv_axis").str();
  SmallVector<unsigned> values;
  addRows(frame, op, op->getOperand(0), pairs.qAxis, pairs.queries);
  addRows(frame, op, op->getOperand(1), pairs.kvAxis, pairs.keys);
  addRows(frame, op, op->getOperand(2), pairs.kvAxis, values);
  pairs.relation =
      maskRelation(op, pairs, sizeOf(op->getOperand(0).getType(), pairs.qAxis),
                   sizeOf(op->getOperand(1).getType(), pairs.kvAxis));
  pairs.isNormalised = true;
  addTables(frame, op, pairs.queries, pairs.keys);
  FlowState rows;
  rows.axis = pairs.qAxis;
  rows.node = rowsOfPairs(op, pairs, values);
  frame[op->getResult(0)] = rows;
}
