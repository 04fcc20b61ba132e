//===- Native.h - A built executable beside the oracle --------------------===//
#pragma once

#include "tests/fuzz/RandomModel.h"
#include "tests/oracle/State.h"

namespace heed::fuzz {

/// Builds the model with the program `heed` and these flags, without the
/// fusions of `disabled` (names joined by commas), runs it on random inputs
/// with one thread and with three, and compares: the first with the oracle,
/// relative to the largest element, the second with the first, bit by bit. Says
/// what is wrong, or nothing.
std::string checkNative(const RandomModel &model, mlir::ModuleOp module,
                        llvm::StringRef heed, llvm::ArrayRef<std::string> flags,
                        llvm::StringRef disabled, double tolerance);

} // namespace heed::fuzz
