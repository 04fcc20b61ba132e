//===- Ragged.h - Rows of many sequences, checked and cut into calls ------===//
#pragma once

#include "runtime/model/ModelInfo.h"

#include <cstdint>
#include <span>
#include <vector>

namespace heed {

/// The rows of one step, token-major: row i is token tokens[i] of the sequence
/// in cache slot sequences[i], at positions[i] in it. The rows of a sequence
/// stand together, their positions count up by one; a sequence stands once.
struct StepInput {
  std::span<const int32_t> tokens, positions, sequences;
  std::span<const int32_t> tokenTypes; // empty: all 0
  /// Rows whose outputs are wanted, ascending.
  std::span<const int32_t> wanted;
};

/// Rows of one sequence that go in one call.
struct RaggedPiece {
  int64_t rows, past, slot;
};

/// One call of the entry: rows [firstRow, firstRow + rows) and pieces
/// [firstPiece, firstPiece + pieces) and so on.
struct RaggedCall {
  size_t firstRow = 0, rows = 0;
  size_t firstPiece = 0, pieces = 0;
  size_t firstWanted = 0, wanted = 0;
};

struct RaggedPlan {
  std::vector<RaggedPiece> pieces;
  std::vector<RaggedCall> calls;
};

/// Checks `input` and cuts it into calls of at most info.chunk rows. With a
/// cache a sequence may be cut anywhere behind its first info.firstCall rows,
/// without one only whole sequences go together; what may not be cut goes in
/// one call, however long. lengths[slot] is the number of positions that the
/// cache holds; a step may go back (to the beginning or to info.firstCall at
/// least), never leave a gap. Errors: an id, position, slot or row out of
/// range, rows in disorder.
Result<RaggedPlan> planStep(const StepInput &input, const ModelInfo &info,
                            std::span<const uint32_t> lengths);

} // namespace heed
