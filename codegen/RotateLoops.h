//===- RotateLoops.h - Loops that test at their end -----------------------===//
#pragma once

#include "llvm/IR/PassManager.h"

namespace heed {

/// LLVM's loop rotation, which in its own pass tells the analysis of
/// recurrences, of all loops around a loop, that each is another now: four
/// times the work of turning them, for what nobody has asked for yet.
struct RotateLoops : llvm::PassInfoMixin<RotateLoops> {
  llvm::PreservedAnalyses run(llvm::Function &function,
                              llvm::FunctionAnalysisManager &analyses);
};

} // namespace heed
