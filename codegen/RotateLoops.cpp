//===- RotateLoops.cpp - Loops that test at their end ---------------------===//
#include "codegen/RotateLoops.h"

#include "llvm/Analysis/AssumptionCache.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/SimplifyQuery.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/Transforms/Utils/LoopRotationUtils.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"
#include "llvm/Transforms/Utils/LoopUtils.h"

using namespace llvm;

namespace heed {

PreservedAnalyses RotateLoops::run(Function &function,
                                   FunctionAnalysisManager &analyses) {
  auto &loops = analyses.getResult<LoopAnalysis>(function);
  auto &dominators = analyses.getResult<DominatorTreeAnalysis>(function);
  auto &target = analyses.getResult<TargetIRAnalysis>(function);
  auto &assumptions = analyses.getResult<AssumptionAnalysis>(function);
  SimplifyQuery query(function.getDataLayout(), /*TLI=*/nullptr, &dominators,
                      &assumptions);
  for (Loop *outermost : SmallVector<Loop *>(loops.begin(), loops.end())) {
    simplifyLoop(outermost, &dominators, &loops, /*SE=*/nullptr, &assumptions,
                 /*MSSAU=*/nullptr, /*PreserveLCSSA=*/false);
    formLCSSARecursively(*outermost, dominators, &loops, /*SE=*/nullptr);
  }
  // The innermost first. Headers of up to 16 instructions are copied.
  SmallVector<Loop *, 4> order = loops.getLoopsInReverseSiblingPreorder();
  for (Loop *loop : reverse(order))
    LoopRotation(loop, &loops, &target, &assumptions, &dominators,
                 /*SE=*/nullptr, /*MSSAU=*/nullptr, query,
                 /*RotationOnly=*/false, /*Threshold=*/16,
                 /*IsUtilMode=*/false);
  return PreservedAnalyses::none();
}

} // namespace heed
