//===- FlowBuilder.h - Writes an entry out as a graph of flows ------------===//
#pragma once

#include "ir/SequenceFlow.h"
#include "passes/ModelFlow.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSet.h"

#include <map>

namespace heed {

/// What is known of a value: a row for each position, or a pair of rows.
struct FlowState {
  /// The node of its rows, along the axis of that name; no axis: one value for
  /// the whole sequence.
  unsigned node = 0;
  std::string axis;

  // Scores: pair (q, kv) reads row q of `queries` and row kv of `keys`.
  bool isPairs = false;
  llvm::SmallVector<unsigned> queries, keys;
  std::string qAxis, kvAxis;
  /// The pairs that a mask lets through; none for all.
  std::optional<unsigned> relation;
  /// A softmax made the pairs outside the mask zero.
  bool isNormalised = false;
};

/// Fills in an EntryFlow, op by op: functions and values in FlowBuilder.cpp,
/// ops on rows in FlowOfRows.cpp, ops on scores in FlowOfPairs.cpp.
class FlowBuilder {
public:
  FlowBuilder(EntryFlow &flow, const llvm::StringSet<> &sequenceAxes)
      : flow(flow), graph(flow.graph), sequenceAxes(sequenceAxes) {}

  void build();

private:
  using Frame = llvm::DenseMap<mlir::Value, FlowState>;
  using Results = std::vector<std::optional<FlowState>>;

  // Functions and values.
  llvm::SmallVector<llvm::StringRef> sequenceAxesOf(mlir::Type type);
  void source(Frame &frame, mlir::BlockArgument arg);
  Results run(mlir::func::FuncOp function, Frame &frame);
  void call(Frame &frame, mlir::func::CallOp op);
  void visit(Frame &frame, mlir::Operation *op);
  void opaque(Frame &frame, mlir::Operation *op);
  void setRows(Frame &frame, mlir::Value result, llvm::StringRef axis,
               llvm::ArrayRef<masks::FlowGraph::Edge> edges);
  static std::optional<FlowState> stateOf(Frame &frame, mlir::Value value);
  static llvm::SmallVector<mlir::Value> captured(mlir::Region &region);
  static std::string nameOf(mlir::Operation *op);
  static std::optional<int64_t> sizeOf(mlir::Type type, llvm::StringRef name);

  // Relations.
  unsigned everything(mlir::Operation *op, llvm::StringRef what);
  /// A relation of an op, made once for all calls of its function.
  template <typename Make>
  unsigned relation(mlir::Operation *op, llvm::StringRef what, Make make) {
    auto [known, isNew] = relations.try_emplace({op, what.str()}, 0);
    if (isNew)
      known->second = graph.addRelation(make(), op->getLoc(), what.str());
    return known->second;
  }

  // Ops on rows.
  void onRows(Frame &frame, mlir::Operation *op);
  unsigned rowRelation(mlir::Operation *op, const FlowState &state,
                       mlir::OpOperand *operand, mlir::Value result,
                       std::string &axis);
  void select(Frame &frame, mlir::Operation *op);
  void append(Frame &frame, mlir::Operation *op);

  // Ops on scores.
  FlowState asRows(const FlowState &state, mlir::Location at);
  void onPairs(Frame &frame, mlir::Operation *op);
  void addRows(Frame &frame, mlir::Operation *op, mlir::Value operand,
               llvm::StringRef axis, llvm::SmallVectorImpl<unsigned> &nodes);
  void scores(Frame &frame, mlir::Operation *op);
  unsigned maskRelation(mlir::Operation *op, const FlowState &pairs,
                        std::optional<int64_t> queries,
                        std::optional<int64_t> keys);
  void addTables(Frame &frame, mlir::Operation *op,
                 llvm::SmallVectorImpl<unsigned> &queries,
                 llvm::SmallVectorImpl<unsigned> &keys);
  void mask(Frame &frame, mlir::Operation *op);
  void restrict(Frame &frame, mlir::Operation *op, FlowState &state);
  void softmax(Frame &frame, mlir::Operation *op);
  unsigned rowsOfPairs(mlir::Operation *op, const FlowState &pairs,
                       llvm::ArrayRef<unsigned> values);
  void combine(Frame &frame, mlir::Operation *op);
  void attention(Frame &frame, mlir::Operation *op);

  EntryFlow &flow;
  masks::FlowGraph &graph;
  const llvm::StringSet<> &sequenceAxes;
  std::map<std::pair<mlir::Operation *, std::string>, unsigned> relations;
  llvm::SmallVector<mlir::func::FuncOp> open;
};

} // namespace heed
