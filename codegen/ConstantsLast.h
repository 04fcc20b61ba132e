//===- ConstantsLast.h - The constants of an address stand at its end -----===//
//
// Code of register tiles reads dozens of places a turn: row and feature of the
// tile plus small constants. (x + c) n becomes x n + c n, and so on through
// sums, products and addresses, until what differs between two places is a
// constant that x86 adds for nothing: they then share one base and one index,
// in registers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/IR/PassManager.h"

namespace heed {

struct ConstantsLast : llvm::PassInfoMixin<ConstantsLast> {
  llvm::PreservedAnalyses run(llvm::Function &function,
                              llvm::FunctionAnalysisManager &analyses);
};

} // namespace heed
