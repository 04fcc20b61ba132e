//===- Optimise.cpp - LLVM's passes over generated code -------------------===//
#include "codegen/Optimise.h"

#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

#include <chrono>

using namespace llvm;

namespace heed {

/// Loops arrive unrolled and vectorised as the schedule says, functions as they
/// are to be called, values in registers: what is left is arithmetic of
/// addresses, what loops share, their shape, and what these leave behind, each
/// once: doing so again, or deleting loops, changed no inner loop
/// (scripts/instruction-counts) and took twice as long.
static constexpr StringLiteral pipeline =
    "function<eager-inv>("
    "early-cse,"
    "loop(loop-rotate<header-duplication;no-prepare-for-lto>),"
    "instcombine<max-iterations=1;no-verify-fixpoint>,"
    "loop-mssa(licm<allowspeculation>),"
    "early-cse<memssa>,"
    "simplifycfg)";

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
  cantFail(passes.parsePassPipeline(manager, pipeline));
  manager.run(module, modules);
  return times;
}

} // namespace heed
