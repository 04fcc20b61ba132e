//===- Rope.h - How a rope is stretched to longer contexts ----------------===//
#pragma once

#include "frontend/Fields.h"

namespace heed {

/// One multiplier a pair, on its frequency, and one on cos and sin.
struct RopeScaling {
  std::vector<double> factors;
  double attention = 1;
};

/// Reads `{kind: linear, factor: 4}` (Chen et al. 2023), `{kind: llama3,
/// factor, low, high, original}` (Llama 3.1), `{kind: yarn, factor, original,
/// fast, slow, attention}` (Peng et al. 2023). `original` is the context that
/// the model was trained with. Null after a report.
std::optional<RopeScaling> readRopeScaling(const Node &node, double theta,
                                           int64_t dims, const ExprNames &names,
                                           Diagnostics &diags);

} // namespace heed
