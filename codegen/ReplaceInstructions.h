//===- ReplaceInstructions.h - Instructions give way to others, in order --===//
#pragma once

#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/IR/CFG.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/PassManager.h"

namespace heed {

/// Puts what `rewrite` gives in the place of each instruction, operands before
/// their users; null leaves it. Blocks stay.
inline llvm::PreservedAnalyses replaceInstructions(
    llvm::Function &function,
    llvm::function_ref<llvm::Value *(llvm::Instruction &)> rewrite) {
  for (llvm::BasicBlock *block :
       llvm::ReversePostOrderTraversal<llvm::Function *>(&function))
    for (llvm::Instruction &instruction : llvm::make_early_inc_range(*block))
      if (llvm::Value *other = rewrite(instruction)) {
        instruction.replaceAllUsesWith(other);
        instruction.eraseFromParent();
      }
  llvm::PreservedAnalyses kept;
  kept.preserveSet<llvm::CFGAnalyses>();
  return kept;
}

} // namespace heed
