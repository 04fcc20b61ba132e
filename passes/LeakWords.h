//===- LeakWords.h - A path of a leak, for a reader -----------------------===//
#pragma once

#include "passes/ModelFlow.h"

namespace heed {

/// A leak and its steps, each at its place in the model file.
struct LeakWords {
  std::string summary; ///< `logits[0] can see tokens[1]`
  mlir::Location at;   ///< of the step that looks ahead the furthest
  llvm::SmallVector<std::pair<mlir::Location, std::string>> steps;
};
LeakWords inWords(const EntryFlow &flow, const EntryFlow::Output &output,
                  const masks::LeakPath &path);

} // namespace heed
