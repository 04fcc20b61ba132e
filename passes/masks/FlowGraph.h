//===- FlowGraph.h - A model as flows along the sequence ------------------===//
//
// Nodes are values that have a row for each position; an edge (node, relation)
// of a node says that its row t may read row `in` of the other for every (t,
// in) of the relation. Edges go to nodes made before, so paths end.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/Causality.h"
#include "passes/masks/FlowRelation.h"

#include "mlir/IR/Location.h"

namespace heed::masks {

class FlowGraph {
public:
  struct Relation {
    MaskSet flow;
    /// Where the model file says so, and in words: `attn.mask`.
    mlir::Location at;
    std::string what;
    /// Of this relation alone.
    Causality causality;
  };
  struct Edge {
    unsigned node, relation;
  };
  struct Node {
    mlir::Location at;
    std::string name; ///< of a source: `tokens`; of others: the op
    llvm::SmallVector<Edge, 2> edges;
    bool isSource = false;
  };

  explicit FlowGraph(mlir::MLIRContext *context);

  /// Row t reads row t.
  static constexpr unsigned identity = 0;

  unsigned addRelation(MaskSet flow, mlir::Location at, std::string what);
  unsigned addSource(mlir::Location at, std::string name);
  unsigned addNode(mlir::Location at, std::string name,
                   llvm::ArrayRef<Edge> edges);

  llvm::ArrayRef<Relation> getRelations() const { return relations; }
  llvm::ArrayRef<Node> getNodes() const { return nodes; }
  mlir::MLIRContext *getContext() const { return context; }

  /// The nodes that `out` may read, itself included, by number.
  llvm::SmallVector<bool> reached(unsigned out) const;
  /// Relations on the way from `out` to a source.
  llvm::SmallVector<unsigned> relationsBehind(unsigned out) const;
  /// What row t of `out` reads of `in` by all paths together; nullopt when
  /// there is none.
  std::optional<MaskSet>
  between(unsigned out, unsigned in,
          int64_t allowance = Exact::defaultAllowance) const;

private:
  mlir::MLIRContext *context;
  std::vector<Relation> relations;
  std::vector<Node> nodes;
};

/// Steps from a row of an output to a later row of a source.
struct LeakPath {
  struct Step {
    unsigned node; ///< the node that is read from here
    int64_t row;
    unsigned relation; ///< by which the next step reads on; of the last: none
  };
  /// From the output to the source; consecutive steps at one row are one.
  llvm::SmallVector<Step> steps;
  SymbolValues symbols;
};

/// The path with the fewest moves along the sequence by which row `out` reads a
/// later row of a source, of positions below `positions`; nullopt when there is
/// none there. Per-token look-ups are taken to forbid.
std::optional<LeakPath> findLeak(const FlowGraph &graph, unsigned node,
                                 int64_t out, int64_t positions,
                                 const SymbolValues &symbols);

/// Does a row of a node depend on later rows of a source?
struct FlowCausality {
  Verdict verdict = Verdict::Unknown;
  /// Holds: by Theorem 2, no op alone looks ahead; else all ops were composed.
  bool eachAlone = false;
  /// When it fails, unless the path is too long to find.
  std::optional<LeakPath> leak;
  /// Unknown: what was tried.
  std::string reason;
};
FlowCausality computeFlowCausality(const FlowGraph &graph, unsigned out,
                                   int64_t allowance = Exact::defaultAllowance);

/// Theorem 3: rows of `nodes` may be kept from call to call.
struct CacheLicence {
  /// The least number of tokens of the first call; 1 for causal models. nullopt
  /// when a row can depend on a token of any later call.
  std::optional<int64_t> firstChunk;
  /// The relation that forbids it, or asks for the most.
  std::optional<unsigned> relation;
  std::string reason;
};
CacheLicence computeCacheLicence(const FlowGraph &graph,
                                 llvm::ArrayRef<unsigned> nodes);

} // namespace heed::masks
