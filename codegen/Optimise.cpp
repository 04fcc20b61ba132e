//===- Optimise.cpp - LLVM's passes over generated code -------------------===//
#include "codegen/Optimise.h"
#include "codegen/RotateLoops.h"

#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopStrengthReduce.h"
#include "llvm/Transforms/Scalar/SeparateConstOffsetFromGEP.h"

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
    "rotate-loops,"
    "instcombine<max-iterations=1;no-verify-fixpoint>,"
    "loop-mssa(licm<allowspeculation>),"
    "early-cse<memssa>,"
    "simplifycfg)";

namespace {
/// Addresses of loops, which LLVM's strength reduction makes from all that a
/// loop reads and counts, in a fourth of the time of all machine code. Where 32
/// registers hold vectors, the constants out of each address are as good. With
/// 16, or in loops that bf16 unrolls, too much would be live without it.
struct ReduceAddresses : PassInfoMixin<ReduceAddresses> {
  PreservedAnalyses run(Function &function, FunctionAnalysisManager &analyses) {
    if (needsReduction(function,
                       analyses.getResult<TargetIRAnalysis>(function)))
      return createFunctionToLoopPassAdaptor(LoopStrengthReducePass())
          .run(function, analyses);
    FunctionPassManager passes;
    passes.addPass(SeparateConstOffsetFromGEPPass());
    passes.addPass(EarlyCSEPass());
    return passes.run(function, analyses);
  }

private:
  static bool needsReduction(const Function &function,
                             const TargetTransformInfo &target) {
    unsigned vectors = target.getRegisterClassForType(
        true, VectorType::get(Type::getFloatTy(function.getContext()), 8,
                              /*Scalable=*/false));
    if (target.getNumberOfRegisters(vectors) < 32)
      return true;
    return any_of(instructions(function), [](const Instruction &instruction) {
      auto *call = dyn_cast<CallBase>(&instruction);
      const Function *callee = call ? call->getCalledFunction() : nullptr;
      return callee && callee->getName().contains("dpbf16ps");
    });
  }
};
} // namespace

void leaveAddressesAlone() {
  static const bool done = [] {
    cl::Option *option = cl::getRegisteredOptions().lookup("disable-lsr");
    return option && !option->addOccurrence(0, "disable-lsr", "true");
  }();
  assert(done && "LLVM knows the option");
  (void)done;
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
  passes.registerPipelineParsingCallback(
      [](StringRef name, FunctionPassManager &manager,
         ArrayRef<PassBuilder::PipelineElement>) {
        if (name == "rotate-loops")
          manager.addPass(RotateLoops());
        return name == "rotate-loops";
      });
  ModulePassManager manager;
  cantFail(passes.parsePassPipeline(manager, pipeline));
  manager.addPass(createModuleToFunctionPassAdaptor(ReduceAddresses()));
  manager.run(module, modules);
  return times;
}

} // namespace heed
