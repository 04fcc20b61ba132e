//===- SplitAddresses.h - Addresses as chains of their parts --------------===//
#pragma once

#include "llvm/IR/PassManager.h"

namespace heed {

/// base + (x + y c) size becomes (base + x size) + y (c size), and divisions by
/// powers of two become shifts: loops then keep the parts that do not change in
/// them, and x86 scales the others. Of LLVM's instcombine, in whose time half
/// of all our passes would run, this is what inner loops show.
struct SplitAddresses : llvm::PassInfoMixin<SplitAddresses> {
  llvm::PreservedAnalyses run(llvm::Function &function,
                              llvm::FunctionAnalysisManager &analyses);
};

} // namespace heed
