//===- LayerCosts.h - What a call of a model computes and reads -----------===//
#pragma once

#include "passes/MaskAnalysis.h"

namespace heed {

/// Of the attentions and linears of a layer, or of an entry outside its layers,
/// for one call in which open axes have `length` positions from 0 on, and one
/// row of logits is wanted. A floating-point operation is a multiplication or
/// an addition.
struct LayerCost {
  std::string name;
  /// The allowed pairs of a head of each attention, as closed formulas, and the
  /// operations that one pair takes in all heads: 2 (head of q + head of v)
  /// heads.
  struct Attention {
    std::string pairs;
    int64_t operationsOfPair;
  };
  llvm::SmallVector<Attention, 1> attentions;
  /// Pairs of all heads, allowed and visited.
  int64_t allowed = 0, visited = 0;
  /// The allowed pairs and their operations are upper bounds.
  bool atMost = false;
  /// Of the allowed pairs, and 2 m n k of the linears.
  int64_t attentionOperations = 0, linearOperations = 0;
  /// Bytes of keys and values that query tiles read, each tile the keys that it
  /// visits; and those that a cache keeps of a position.
  int64_t keyBytes = 0, cacheBytesPerPosition = 0;
  /// What is not in the figures, and why; empty where all is.
  std::string missing;

  /// Adds up the figures.
  LayerCost &operator+=(const LayerCost &other);
  /// All but the name.
  bool isLike(const LayerCost &other) const;
};

/// The layers of a scheduled module's entries, in the order of their calls;
/// what stands outside of them is the last, `the rest`.
std::vector<LayerCost> layerCosts(mlir::ModuleOp module, int64_t length);

} // namespace heed
