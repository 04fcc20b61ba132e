//===- ModelFlow.h - How a model moves data along its sequences --------===//
#pragma once

#include "ir/Attn.h"
#include "passes/masks/FlowGraph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace heed {

/// An entry of a model as a graph of flows, its layers written out. What an op
/// declares through SequenceFlowOpInterface is believed; an op without it reads
/// anything. Sequence axes are those of ragged rows and those that some
/// attention of the module attends along; where there are none and something is
/// promised, the one axis of any size. Positions are compared by number on all
/// of them.
struct EntryFlow {
  struct Output {
    std::string name;
    unsigned node, result;
    std::string axis; ///< of its rows; empty where it has none
  };
  /// An argument whose rows are told apart.
  struct Source {
    unsigned argument, node;
    std::string axis;
  };
  /// A call of a layer's function.
  struct Layer {
    std::string name; ///< `layer.3`
    mlir::func::FuncOp function;
    unsigned in, out; ///< of the value that flows through
  };
  mlir::func::FuncOp entry;
  masks::FlowGraph graph;
  llvm::SmallVector<Source> sources;
  llvm::SmallVector<Output> outputs;
  llvm::SmallVector<Layer> layers;
  /// Keys and values that go to caches.
  llvm::SmallVector<unsigned> cached;
};

/// Of a module: each of its entries.
class ModelFlow {
public:
  explicit ModelFlow(mlir::Operation *module);
  llvm::ArrayRef<EntryFlow> entries() const { return flows; }

private:
  std::vector<EntryFlow> flows;
};

} // namespace heed
