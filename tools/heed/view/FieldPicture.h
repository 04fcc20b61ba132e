//===- FieldPicture.h - What one row of an output reads -------------------===//
#pragma once

#include "passes/ModelFlow.h"
#include "tools/heed/view/MaskPicture.h"

namespace heed::view {

/// The rows that row `out` of an output depends on, at the output, before each
/// layer and at the inputs, from the flow of the whole model.
struct FieldPicture {
  struct Height {
    std::string name;
    /// Ranges [from, to) of the rows read there.
    std::vector<std::pair<int64_t, int64_t>> rows;
    /// The row that the way to a later row passes here.
    std::optional<int64_t> way;
  };
  std::string title;
  int64_t positions, out;
  std::vector<Height> heights; ///< from the output down
  /// `tokens [max(out - 378, 0), out + 1)`, for all lengths.
  std::vector<std::string> formulas;
  /// `logits[0] can see tokens[3]`, and its steps with their lines; empty where
  /// no row depends on a later one.
  std::vector<std::string> leak;
};

/// Of row `out` of an output among `positions`; where some row depends on a
/// later one, of that row.
FieldPicture fieldOf(const EntryFlow &flow, const EntryFlow::Output &output,
                     const std::string &title, int64_t positions, int64_t out);

Drawing draw(const FieldPicture &picture);

} // namespace heed::view
