//===- VerifyPromises.h - Does a model keep what it promises? -------------===//
#pragma once

#include "tools/heed/VerifyFacts.h"

namespace heed {

/// What the file says under `promises:`, and what its kind promises by itself:
/// a decoder generates, so it is causal (unless its mask gives it a prefix),
/// cacheable and the same function in any calls.
struct PromiseCheck {
  std::string name; ///< `cache: 1024`
  bool holds = true;
  /// Of one that does not hold, or is not proved: the place in the model file.
  std::optional<mlir::Location> at = {};
  std::string words = {};
  std::vector<std::pair<mlir::Location, std::string>> notes = {};

  /// Proved, Fails, or NotProved: nothing is known.
  Fact::Verdict verdict() const {
    return holds                                              ? Fact::Proved
           : llvm::StringRef(words).starts_with("not proved") ? Fact::NotProved
                                                              : Fact::Fails;
  }
};
std::vector<PromiseCheck> checkPromises(mlir::ModuleOp module,
                                        const ModelFacts &facts);

} // namespace heed
