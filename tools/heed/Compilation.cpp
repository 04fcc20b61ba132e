//===- Compilation.cpp - One model on its way through the stages ----------===//
#include "tools/heed/Compilation.h"

#include "codegen/ModelDescription.h"
#include "codegen/Pipeline.h"
#include "codegen/Target.h"
#include "codegen/pack/PackWeights.h"
#include "frontend/Import.h"
#include "passes/Passes.h"
#include "passes/Pipeline.h"
#include "tools/heed/Report.h"
#include "tools/heed/bench/RatesFile.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace heed {

Compilation::Compilation(const Options &options, std::string target)
    : options(options), targetName(std::move(target)) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<attn::AttnDialect>();
  mlirContext.appendDialectRegistry(registry);
  // Errors stand at lines of YAML; `heed ir` shows the ops.
  mlirContext.printOpOnDiagnostic(false);
  mlirContext.loadAllAvailableDialects();
  // Hardly a pass works on functions alone: its locks cost more than they
  // bring.
  mlirContext.disableMultithreading();
  mlirContext.getDiagEngine().registerHandler(
      [](Diagnostic &diagnostic) { reportDiagnostic(diagnostic); });
}

bool Compilation::import() {
  machine = namedTarget(&mlirContext, targetName);
  if (!machine) {
    reportError(targetName == "host"
                    ? "this machine has no AVX2: name a target with --target="
                : llvm::StringRef(targetName).contains(',')
                    ? "several targets are for `heed build`; name one of " +
                          targetName
                    : "unknown target `" + targetName + "`; known are " +
                          llvm::join(targetNames(), ", "));
    return false;
  }
  if (options.rates != "builtin") {
    if (options.rates == "measured" && options.target != "host") {
      reportError("--rates=measured are of this machine: give a file of rates "
                  "with --target=" +
                  options.target);
      return false;
    }
    Result<MachineRates> rates = ratesNamed(options.rates);
    if (!rates) {
      reportError(rates.error());
      return false;
    }
    machine = withRates(machine, *rates);
  }
  Diagnostics diagnostics;
  ir = importModel(mlirContext, options.model, diagnostics);
  if (!ir || diagnostics.any()) {
    diagnostics.print(llvm::errs());
    return false;
  }
  (*ir)->setAttr("attn.target", machine);
  return true;
}

bool Compilation::step(Stage stage) {
  PassManager pm(&mlirContext);
  // Once a stage is enough (runTo): after every pass it is half of the time.
  // heed-opt, which the tests of passes run, verifies after each.
  pm.enableVerifier(false);
  PipelineOptions pipeline;
  pipeline.disable.assign(options.disable.begin(), options.disable.end());
  pipeline.numerics = options.numerics;
  pipeline.scheduleFile = options.schedule;
  switch (stage) {
  case Stage::Model:
    return true;
  case Stage::Fused:
    if (std::string why = whyUnusable(pipeline); !why.empty()) {
      reportError(why);
      return false;
    }
    if (options.attention)
      pm.addPass(createStoreProbabilities({options.layer}));
    // A picture shows what a build refuses, too.
    if (options.command != "view")
      buildProofPipeline(pm);
    buildFusePipeline(pm, pipeline);
    return succeeded(pm.run(*ir));
  case Stage::Scheduled:
    buildSchedulePipeline(pm, pipeline);
    if (failed(pm.run(*ir)))
      return false;
    packedWeights = placeWeights(*ir);
    return true;
  case Stage::Tiled: {
    description = describeModel(*ir);
    OwningOpRef<ModuleOp> scheduled = ir->clone();
    buildTiledPipeline(pm);
    if (failed(pm.run(*ir)))
      return false;
    addMemoryPlan(description, *scheduled, *ir);
    return true;
  }
  case Stage::Vector:
    buildVectorPipeline(pm);
    return succeeded(pm.run(*ir));
  case Stage::Llvm:
    buildLlvmPipeline(pm);
    return succeeded(pm.run(*ir));
  }
  llvm_unreachable("all stages are named above");
}

bool Compilation::runTo(Stage stage) {
  while (at != stage) {
    at = static_cast<Stage>(static_cast<int>(at) + 1);
    if (!step(at) || failed(verify(*ir)))
      return false;
  }
  return true;
}

} // namespace heed
