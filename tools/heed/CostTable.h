//===- CostTable.h - What each layer computes and reads, as a table -------===//
#pragma once

#include "passes/LayerCosts.h"

#include "llvm/Support/JSON.h"

namespace heed {

/// A line for all layers of the same cost, one for the model, and the closed
/// formulas behind them.
void printCosts(llvm::raw_ostream &os, const std::vector<LayerCost> &costs,
                int64_t length);
/// An object for each layer, in order, and one called `model`.
void printCosts(llvm::json::OStream &json, const std::vector<LayerCost> &costs);

} // namespace heed
