//===- Optimise.cpp - LLVM's passes over generated code -------------------===//
#include "codegen/Optimise.h"
#include "codegen/ConstantsLast.h"
#include "codegen/RotateLoops.h"
#include "codegen/SplitAddresses.h"

#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopStrengthReduce.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

#include <chrono>

using namespace llvm;

namespace heed {
namespace {

/// LLVM's strength reduction makes addresses of loops from all that a loop
/// reads and counts. For all loops that took up to twice the time of all other
/// passes and machine code. With 32 registers for vectors, and in loops that
/// are unrolled, constants that stand last do as well or better. With 16, a
/// turn may have so few products that each instruction beside them counts.
struct ReduceProducts : PassInfoMixin<ReduceProducts> {
  PreservedAnalyses run(Function &function, FunctionAnalysisManager &analyses) {
    auto &target = analyses.getResult<TargetIRAnalysis>(function);
    Type *vector = FixedVectorType::get(Type::getFloatTy(function.getContext()),
                                        /*NumElts=*/8);
    unsigned registers = target.getNumberOfRegisters(
        target.getRegisterClassForType(/*Vector=*/true, vector));
    if (registers >= 32)
      return PreservedAnalyses::all();
    return createFunctionToLoopPassAdaptor(InLoop()).run(function, analyses);
  }

private:
  struct InLoop : PassInfoMixin<InLoop> {
    PreservedAnalyses run(Loop &loop, LoopAnalysisManager &analyses,
                          LoopStandardAnalysisResults &results,
                          LPMUpdater &updater) {
      unsigned products = 0;
      for (BasicBlock *block : loop.blocks())
        for (Instruction &instruction : *block)
          products +=
              match(&instruction, PatternMatch::m_Intrinsic<Intrinsic::fma>());
      if (products < 4 || products > 24)
        return PreservedAnalyses::all();
      return LoopStrengthReducePass().run(loop, analyses, results, updater);
    }
  };
};

/// Loops arrive unrolled and vectorised as the schedule says, functions as they
/// are to be called, values in registers: what is left is arithmetic of
/// addresses, what loops share, their shape, and what these leave behind, each
/// once: doing so again, or deleting loops, changed no inner loop
/// (scripts/instruction-counts) and took twice as long.
FunctionPassManager passesOfFunctions() {
  FunctionPassManager passes;
  passes.addPass(EarlyCSEPass());
  passes.addPass(RotateLoops());
  passes.addPass(SplitAddresses());
  // What a loop keeps in memory stays there: registers are full.
  LICMOptions invariants;
  invariants.MssaNoAccForPromotionCap = 0;
  passes.addPass(createFunctionToLoopPassAdaptor(LICMPass(invariants),
                                                 /*UseMemorySSA=*/true));
  passes.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(SimplifyCFGPass());
  passes.addPass(ReduceProducts());
  passes.addPass(ConstantsLast());
  passes.addPass(EarlyCSEPass());
  return passes;
}

} // namespace

void leaveAddressesAlone() {
  static const bool done = [] {
    cl::Option *option = cl::getRegisteredOptions().lookup("disable-lsr");
    return option && !option->addOccurrence(0, "disable-lsr", "true");
  }();
  if (!done)
    report_fatal_error("this LLVM has no option disable-lsr");
}

TimeOfFunctions optimise(Module &module, TargetMachine &machine) {
  using Clock = std::chrono::steady_clock;
  TimeOfFunctions times;
  PassInstrumentationCallbacks callbacks;
  // Passes of functions do not nest, but for what adapts loops.
  Clock::time_point began;
  unsigned depth = 0;
  auto before = [&](StringRef, Any unit) {
    if (any_cast<const Function *>(&unit) && depth++ == 0)
      began = Clock::now();
  };
  auto after = [&](StringRef, Any unit, const PreservedAnalyses &) {
    const Function *const *function = any_cast<const Function *>(&unit);
    if (function && --depth == 0)
      times[(*function)->getName()] +=
          std::chrono::duration<double>(Clock::now() - began).count();
  };
  callbacks.registerBeforeNonSkippedPassCallback(before);
  callbacks.registerAfterPassCallback(after);

  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager calls;
  ModuleAnalysisManager modules;
  PassBuilder passes(&machine, {}, {}, &callbacks);
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(calls);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, calls, modules);
  ModulePassManager manager;
  manager.addPass(createModuleToFunctionPassAdaptor(
      passesOfFunctions(), /*EagerlyInvalidate=*/true));
  manager.run(module, modules);
  return times;
}

} // namespace heed
