//===- PairMerger.h - The merges of byte-pair encoding --------------------===//
#pragma once

#include "runtime/tokenizer/Table.h"

#include <string_view>
#include <vector>

namespace heed {

/// Merges the tokens of one piece, pair by pair, lowest rank first and of equal
/// ranks the leftmost first (Sennrich et al. 2016, arXiv 1508.07909). A heap of
/// candidate pairs over a linked list: O(n log n) for n bytes, so that one word
/// of a megabyte is no trap. Keeps its buffers from piece to piece.
class PairMerger {
public:
  explicit PairMerger(const Table &table) : table(table) {}

  /// Appends the ids of a piece's bytes. A byte without a token adds nothing,
  /// as in the reference.
  void encode(std::string_view piece, std::vector<int32_t> &ids);

private:
  struct Part {
    int32_t id; // NoToken once merged into the part before
    uint32_t previous, next;
  };
  void push(uint32_t left);

  const Table &table;
  std::vector<Part> parts;
  /// Min-heap of rank << 32 | left part.
  std::vector<uint64_t> candidates;
};

} // namespace heed
