#include "passes/FlowBuilder.h"

#include "ir/Axes.h"

using namespace heed;
using namespace heed::attn;
using namespace mlir;
using masks::FlowGraph;

void FlowBuilder::build() {
  Frame frame;
  func::FuncOp entry = flow.entry;
  for (BlockArgument arg : entry.getArguments()) {
    auto role =
        entry.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "attn.role");
    // What an encoder made is no part of the sequence that is generated.
    if (role && (role.getValue() == "encoded" || role.getValue() == "wanted"))
      continue;
    if (isa<RankedTensorType>(arg.getType()))
      source(frame, arg);
  }
  Results results = run(entry, frame);
  for (auto [i, state] : llvm::enumerate(results)) {
    auto name = entry.getResultAttrOfType<StringAttr>(i, "attn.name");
    bool isCache = isa<CacheType>(entry.getResultTypes()[i]);
    if (isCache || !state)
      continue;
    FlowState rows = asRows(*state, entry.getLoc());
    flow.outputs.push_back({name ? name.str() : "result " + std::to_string(i),
                            rows.node, unsigned(i), rows.axis});
  }
}

/// The sequence axes of a type, by name.
SmallVector<StringRef> FlowBuilder::sequenceAxesOf(Type type) {
  SmallVector<StringRef> found;
  if (isa<RankedTensorType>(type))
    for (StringAttr name : axisNames(type))
      if (sequenceAxes.contains(name.getValue()))
        found.push_back(name.getValue());
  return found;
}

void FlowBuilder::source(Frame &frame, BlockArgument arg) {
  SmallVector<StringRef> axes = sequenceAxesOf(arg.getType());
  if (axes.empty())
    return;
  auto name =
      flow.entry.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "attn.name");
  FlowState state;
  state.axis = axes.front().str();
  state.node = graph.addSource(
      arg.getLoc(),
      name ? name.str() : "argument " + std::to_string(arg.getArgNumber()));
  flow.sources.push_back({arg.getArgNumber(), state.node, state.axis});
  if (axes.size() > 1) // a row of one axis holds all of the other
    state.node = graph.addNode(
        arg.getLoc(), "argument",
        {{state.node, everything(flow.entry, "two sequence axes")}});
  frame[arg] = state;
}

FlowBuilder::Results FlowBuilder::run(func::FuncOp function, Frame &frame) {
  Results results;
  for (Operation &op : function.front()) {
    if (auto ret = dyn_cast<func::ReturnOp>(op)) {
      for (Value operand : ret.getOperands())
        results.push_back(stateOf(frame, operand));
    } else if (auto call = dyn_cast<func::CallOp>(op)) {
      this->call(frame, call);
    } else {
      visit(frame, &op);
    }
  }
  return results;
}

void FlowBuilder::call(Frame &frame, func::CallOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, op.getCalleeAttr());
  if (!callee || callee.isExternal() || llvm::is_contained(open, callee))
    return opaque(frame, op);
  open.push_back(callee);
  Frame inner;
  std::optional<unsigned> in;
  for (auto [arg, operand] : llvm::zip(callee.getArguments(), op.getOperands()))
    if (std::optional<FlowState> state = stateOf(frame, operand)) {
      // A node of its own, so that the layer's part of the graph begins here.
      if (!in && !state->isPairs) {
        state->node = graph.addNode(op.getLoc(), "call",
                                    {{state->node, FlowGraph::identity}});
        in = state->node;
      }
      inner[arg] = *state;
    }
  Results results = run(callee, inner);
  open.pop_back();
  for (auto [result, state] : llvm::zip(op.getResults(), results))
    if (state)
      frame[result] = *state;
  auto name = dyn_cast<NameLoc>(op.getLoc());
  if (in && !results.empty() && results[0] && !results[0]->isPairs)
    flow.layers.push_back({name ? name.getName().str() : op.getCallee().str(),
                           callee, *in, results[0]->node});
}

std::optional<FlowState> FlowBuilder::stateOf(Frame &frame, Value value) {
  auto it = frame.find(value);
  return it == frame.end() ? std::nullopt : std::optional(it->second);
}

unsigned FlowBuilder::everything(Operation *op, StringRef what) {
  return relation(op, what,
                  [&] { return masks::everythingFlow(op->getContext()); });
}

std::string FlowBuilder::nameOf(Operation *op) {
  return op->getName().getStringRef().str();
}

/// The size of an axis, where it is known.
std::optional<int64_t> FlowBuilder::sizeOf(Type type, StringRef name) {
  int64_t size = isa<RankedTensorType>(type)
                     ? axisSize(type, name, ShapedType::kDynamic)
                     : ShapedType::kDynamic;
  return ShapedType::isDynamic(size) ? std::nullopt : std::optional(size);
}

/// Rows that read `edges`, along the result's sequence axis.
void FlowBuilder::setRows(Frame &frame, Value result, StringRef axis,
                          ArrayRef<FlowGraph::Edge> edges) {
  Operation *op = result.getDefiningOp();
  FlowState state;
  state.axis = axis.str();
  state.node = graph.addNode(op->getLoc(), nameOf(op), edges);
  frame[result] = state;
}

/// Every result reads every row of everything.
void FlowBuilder::opaque(Frame &frame, Operation *op) {
  SmallVector<FlowGraph::Edge> edges;
  auto add = [&](Value value) {
    if (std::optional<FlowState> state = stateOf(frame, value))
      edges.push_back(
          {asRows(*state, op->getLoc()).node, everything(op, nameOf(op))});
  };
  for (Value operand : op->getOperands())
    add(operand);
  for (Region &region : op->getRegions())
    for (Value outside : captured(region))
      add(outside);
  if (edges.empty())
    return;
  for (Value result : op->getResults()) {
    SmallVector<StringRef> axes = sequenceAxesOf(result.getType());
    setRows(frame, result, axes.empty() ? "" : axes.front(), edges);
  }
}

SmallVector<Value> FlowBuilder::captured(Region &region) {
  SmallVector<Value> outside;
  region.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!region.isAncestor(operand.getParentRegion()))
        outside.push_back(operand);
  });
  return outside;
}

void FlowBuilder::visit(Frame &frame, Operation *op) {
  switch (rowFlowOf(op)) {
  case RowFlow::Rows:
  case RowFlow::LastAxis:
  case RowFlow::Shift:
    return onRows(frame, op);
  case RowFlow::Select:
    return select(frame, op);
  case RowFlow::Append:
    return append(frame, op);
  case RowFlow::Scores:
    return scores(frame, op);
  case RowFlow::Mask:
    return mask(frame, op);
  case RowFlow::Softmax:
    return softmax(frame, op);
  case RowFlow::Combine:
    return combine(frame, op);
  case RowFlow::Masked:
    return attention(frame, op);
  case RowFlow::Anything:
    return opaque(frame, op);
  }
}
