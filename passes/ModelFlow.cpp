#include "passes/ModelFlow.h"

#include "ir/Axes.h"
#include "ir/SequenceFlow.h"
#include "passes/MaskFlow.h"

#include "llvm/ADT/StringSet.h"

using namespace heed;
using namespace heed::attn;
using namespace mlir;
using masks::FlowGraph;

namespace {
/// What is known of a value: a row for each position, or a pair of rows.
struct State {
  /// The node of its rows, along the axis of that name; no axis: one value for
  /// the whole sequence.
  unsigned node = 0;
  std::string axis;

  // Scores: pair (q, kv) reads row q of `queries` and row kv of `keys`.
  bool isPairs = false;
  SmallVector<unsigned> queries, keys;
  std::string qAxis, kvAxis;
  /// The pairs that a mask lets through; none for all.
  std::optional<unsigned> relation;
  /// A softmax made the pairs outside the mask zero.
  bool isNormalised = false;
};
using Frame = llvm::DenseMap<Value, State>;

class GraphBuilder {
public:
  GraphBuilder(EntryFlow &flow, const llvm::StringSet<> &sequenceAxes)
      : flow(flow), graph(flow.graph), sequenceAxes(sequenceAxes) {}

  void build() {
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
      State rows = asRows(*state, entry.getLoc());
      flow.outputs.push_back({name ? name.str() : "result " + std::to_string(i),
                              rows.node, unsigned(i), rows.axis});
    }
  }

private:
  using Results = std::vector<std::optional<State>>;

  /// The sequence axes of a type, by name.
  SmallVector<StringRef> sequenceAxesOf(Type type) {
    SmallVector<StringRef> found;
    if (isa<RankedTensorType>(type))
      for (StringAttr name : axisNames(type))
        if (sequenceAxes.contains(name.getValue()))
          found.push_back(name.getValue());
    return found;
  }

  void source(Frame &frame, BlockArgument arg) {
    SmallVector<StringRef> axes = sequenceAxesOf(arg.getType());
    if (axes.empty())
      return;
    auto name = flow.entry.getArgAttrOfType<StringAttr>(arg.getArgNumber(),
                                                        "attn.name");
    State state;
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

  //===--- Functions ------------------------------------------------------===//

  Results run(func::FuncOp function, Frame &frame) {
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

  void call(Frame &frame, func::CallOp op) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        op, op.getCalleeAttr());
    if (!callee || callee.isExternal() || llvm::is_contained(open, callee))
      return opaque(frame, op);
    open.push_back(callee);
    Frame inner;
    std::optional<unsigned> in;
    for (auto [arg, operand] :
         llvm::zip(callee.getArguments(), op.getOperands()))
      if (std::optional<State> state = stateOf(frame, operand)) {
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

  //===--- Ops ------------------------------------------------------------===//

  static std::optional<State> stateOf(Frame &frame, Value value) {
    auto it = frame.find(value);
    return it == frame.end() ? std::nullopt : std::optional(it->second);
  }

  /// A relation of an op, made once for all calls of its function.
  template <typename Make>
  unsigned relation(Operation *op, StringRef what, Make make) {
    auto [known, isNew] = relations.try_emplace({op, what.str()}, 0);
    if (isNew)
      known->second = graph.addRelation(make(), op->getLoc(), what.str());
    return known->second;
  }
  unsigned everything(Operation *op, StringRef what) {
    return relation(op, what,
                    [&] { return masks::everythingFlow(op->getContext()); });
  }

  static std::string nameOf(Operation *op) {
    return op->getName().getStringRef().str();
  }

  /// Rows that read `edges`, along the result's sequence axis.
  void setRows(Frame &frame, Value result, StringRef axis,
               ArrayRef<FlowGraph::Edge> edges) {
    Operation *op = result.getDefiningOp();
    State state;
    state.axis = axis.str();
    state.node = graph.addNode(op->getLoc(), nameOf(op), edges);
    frame[result] = state;
  }

  /// Scores taken as rows of queries that see all that may still be seen.
  State asRows(const State &state, Location at) {
    if (!state.isPairs)
      return state;
    State rows;
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

  /// Every result reads every row of everything.
  void opaque(Frame &frame, Operation *op) {
    SmallVector<FlowGraph::Edge> edges;
    auto add = [&](Value value) {
      if (std::optional<State> state = stateOf(frame, value))
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

  static SmallVector<Value> captured(Region &region) {
    SmallVector<Value> outside;
    region.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (!region.isAncestor(operand.getParentRegion()))
          outside.push_back(operand);
    });
    return outside;
  }

  void visit(Frame &frame, Operation *op) {
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

  /// Rows, LastAxis and Shift: row by row, but for what lies along the last
  /// axis.
  void onRows(Frame &frame, Operation *op) {
    bool takesPairs = false;
    std::vector<std::pair<State, OpOperand *>> operands;
    for (OpOperand &operand : op->getOpOperands())
      if (std::optional<State> state = stateOf(frame, operand.get())) {
        takesPairs |= state->isPairs;
        operands.emplace_back(*state, &operand);
      }
    if (takesPairs)
      return onPairs(frame, op);
    SmallVector<FlowGraph::Edge> outside;
    for (Region &region : op->getRegions())
      for (Value value : captured(region))
        if (std::optional<State> state = stateOf(frame, value)) {
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
  unsigned rowRelation(Operation *op, const State &state, OpOperand *operand,
                       Value result, std::string &axis) {
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

  /// Score by score.
  void onPairs(Frame &frame, Operation *op) {
    State all;
    bool simple = rowFlowOf(op) == RowFlow::Rows && op->getNumResults() == 1;
    for (Value operand : op->getOperands())
      if (std::optional<State> state = stateOf(frame, operand)) {
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

  void select(Frame &frame, Operation *op) {
    std::optional<State> x = stateOf(frame, op->getOperand(0));
    if (!x || x->isPairs)
      return opaque(frame, op);
    setRows(frame, op->getResult(0),
            axisNames(op->getResult(0).getType()).front().getValue(),
            {{x->node, FlowGraph::identity}});
  }

  void append(Frame &frame, Operation *op) {
    SmallVector<FlowGraph::Edge> edges;
    std::string axis;
    for (Value operand : op->getOperands())
      if (std::optional<State> state = stateOf(frame, operand)) {
        if (state->isPairs)
          return opaque(frame, op);
        edges.push_back({state->node, FlowGraph::identity});
        axis = state->axis;
      }
    setRows(frame, op->getResult(0), axis, edges);
    flow.cached.push_back(frame[op->getResult(0)].node);
  }

  /// The rows of an operand along an axis of scores.
  void addRows(Frame &frame, Operation *op, Value operand, StringRef axis,
               SmallVectorImpl<unsigned> &nodes) {
    std::optional<State> state = stateOf(frame, operand);
    if (!state)
      return;
    State rows = asRows(*state, op->getLoc());
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

  void scores(Frame &frame, Operation *op) {
    State pairs;
    pairs.isPairs = true;
    pairs.qAxis = text(op, "q_axis").str();
    pairs.kvAxis = text(op, "kv_axis").str();
    addRows(frame, op, op->getOperand(0), pairs.qAxis, pairs.queries);
    addRows(frame, op, op->getOperand(1), pairs.kvAxis, pairs.keys);
    frame[op->getResult(0)] = pairs;
  }

  /// The size of an axis, where it is known.
  static std::optional<int64_t> sizeOf(Type type, StringRef name) {
    int64_t size = isa<RankedTensorType>(type)
                       ? axisSize(type, name, ShapedType::kDynamic)
                       : ShapedType::kDynamic;
    return ShapedType::isDynamic(size) ? std::nullopt : std::optional(size);
  }

  /// The pairs that the mask lets through, of those that exist.
  unsigned maskRelation(Operation *op, const State &pairs,
                        std::optional<int64_t> queries,
                        std::optional<int64_t> keys) {
    return relation(op, "mask", [&] {
      return masks::within(
          flowOfMask(op, flowMaskOf(op), pairs.qAxis, pairs.kvAxis), queries,
          keys);
    });
  }

  /// Tables that the mask looks up decide which pairs are seen.
  void addTables(Frame &frame, Operation *op,
                 SmallVectorImpl<unsigned> &queries,
                 SmallVectorImpl<unsigned> &keys) {
    for (Value operand : op->getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      std::optional<State> state = stateOf(frame, operand);
      if (!type || !type.getElementType().isInteger() || !state)
        continue;
      queries.push_back(state->node);
      keys.push_back(state->node);
    }
  }

  void mask(Frame &frame, Operation *op) {
    std::optional<State> state = stateOf(frame, op->getOperand(0));
    if (!state)
      return;
    if (!state->isPairs)
      return opaque(frame, op);
    restrict(frame, op, *state);
    frame[op->getResult(0)] = *state;
  }

  void restrict(Frame &frame, Operation *op, State &state) {
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

  void softmax(Frame &frame, Operation *op) {
    std::optional<State> state = stateOf(frame, op->getOperand(0));
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
  unsigned rowsOfPairs(Operation *op, const State &pairs,
                       ArrayRef<unsigned> values) {
    SmallVector<FlowGraph::Edge> edges;
    unsigned seen =
        pairs.relation ? *pairs.relation : everything(op, "all keys");
    for (unsigned node : pairs.queries)
      edges.push_back({node, FlowGraph::identity});
    for (unsigned node : pairs.keys)
      edges.push_back({node, seen});
    for (unsigned node : values)
      edges.push_back(
          {node, pairs.isNormalised ? seen : everything(op, "all keys")});
    return graph.addNode(op->getLoc(), nameOf(op), edges);
  }

  void combine(Frame &frame, Operation *op) {
    std::optional<State> pairs = stateOf(frame, op->getOperand(0));
    if (!pairs || !pairs->isPairs)
      return opaque(frame, op);
    SmallVector<unsigned> values;
    addRows(frame, op, op->getOperand(1), pairs->kvAxis, values);
    State rows;
    rows.axis = pairs->qAxis;
    rows.node = rowsOfPairs(op, *pairs, values);
    frame[op->getResult(0)] = rows;
  }

  void attention(Frame &frame, Operation *op) {
    State pairs;
    pairs.qAxis = text(op, "q_axis").str();
    pairs.kvAxis = text(op, "kv_axis").str();
    SmallVector<unsigned> values;
    addRows(frame, op, op->getOperand(0), pairs.qAxis, pairs.queries);
    addRows(frame, op, op->getOperand(1), pairs.kvAxis, pairs.keys);
    addRows(frame, op, op->getOperand(2), pairs.kvAxis, values);
    pairs.relation = maskRelation(
        op, pairs, sizeOf(op->getOperand(0).getType(), pairs.qAxis),
        sizeOf(op->getOperand(1).getType(), pairs.kvAxis));
    pairs.isNormalised = true;
    addTables(frame, op, pairs.queries, pairs.keys);
    State rows;
    rows.axis = pairs.qAxis;
    rows.node = rowsOfPairs(op, pairs, values);
    frame[op->getResult(0)] = rows;
  }

  EntryFlow &flow;
  FlowGraph &graph;
  const llvm::StringSet<> &sequenceAxes;
  std::map<std::pair<Operation *, std::string>, unsigned> relations;
  SmallVector<func::FuncOp> open;
};
} // namespace

static bool isPromised(Operation *module) {
  auto model = module->getAttrOfType<DictionaryAttr>("attn.model");
  auto promises = model ? model.getAs<ArrayAttr>("promises") : ArrayAttr();
  return promises && !promises.empty();
}

/// The axis of the entries' arguments that has any size; empty where there is
/// none or another one.
static std::string onlyOpenAxis(Operation *module) {
  llvm::StringSet<> open;
  module->walk([&](func::FuncOp function) {
    if (function.isPrivate())
      return;
    for (Type type : function.getArgumentTypes())
      if (isa<RankedTensorType>(type))
        for (StringAttr name : axisNames(type))
          if (ShapedType::isDynamic(axisSize(type, name)))
            open.insert(name.getValue());
  });
  return open.size() == 1 ? open.begin()->getKey().str() : "";
}

heed::ModelFlow::ModelFlow(Operation *module) {
  llvm::StringSet<> axes;
  module->walk([&](Operation *op) {
    for (StringRef name : {"q_axis", "kv_axis"})
      if (auto axis = op->getAttrOfType<StringAttr>(name))
        axes.insert(axis.getValue());
    if (auto function = dyn_cast<func::FuncOp>(op))
      for (Type type : function.getArgumentTypes())
        if (auto ragged = dyn_cast<RaggedType>(type))
          axes.insert(ragged.getAxis().getValue());
  });
  if (axes.empty() && isPromised(module))
    if (std::string axis = onlyOpenAxis(module); !axis.empty())
      axes.insert(axis);
  module->walk([&](func::FuncOp function) {
    if (function.isPrivate() || function.isExternal() ||
        !llvm::hasSingleElement(function.getBody()))
      return;
    flows.push_back(
        {function, FlowGraph(module->getContext()), {}, {}, {}, {}});
    GraphBuilder(flows.back(), axes).build();
  });
}
