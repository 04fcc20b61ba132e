//===- FlowCheck.h - What a model reads, found by disturbing it -----------===//
#pragma once

#include "tests/oracle/WeightTable.h"

#include "mlir/IR/BuiltinOps.h"

namespace heed::fuzz {

/// Pairs (output row, input row): how many the declared flows allow, and how
/// many the oracle shows.
struct FlowTally {
  uint64_t allowed = 0, seen = 0;
};

/// Disturbs each row of each input in turn and evaluates: every output row that
/// changes must be one that the flow of the model stage allows. Nothing, or
/// what is wrong.
std::string checkFlow(mlir::ModuleOp module, oracle::WeightTable &weights,
                      uint64_t seed, FlowTally &tally);

} // namespace heed::fuzz
