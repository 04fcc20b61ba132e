//===- Pipeline.cpp - From what a model means to how it runs --------------===//
#include "passes/Pipeline.h"
#include "passes/Passes.h"
#include "passes/Proofs.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;

namespace heed {

static constexpr llvm::StringRef fusions[] = {"fuse-mask-softmax",
                                              "fuse-attention", "merge-linears",
                                              "fuse-prologue", "fuse-epilogue"};

// What a model also builds without: its attentions then visit every key under
// the mask, its tiles have one default shape, its tensors never share memory.
static constexpr llvm::StringRef plans[] = {"tile-bounds", "schedule",
                                            "plan-buffers"};

llvm::ArrayRef<llvm::StringRef> fusionNames() { return fusions; }

static StringRef shortName(StringRef flag) {
  flag.consume_front("attn-");
  return flag;
}

std::string whyUnusable(const PipelineOptions &options) {
  for (StringRef name : options.disable)
    if (!llvm::is_contained(fusions, shortName(name)) &&
        !llvm::is_contained(plans, shortName(name)))
      return ("there is no fusion `" + name + "`; the fusions are " +
              llvm::join(fusionNames(), ", "))
          .str();
  return {};
}

static void addUnlessDisabled(OpPassManager &pm, const PipelineOptions &options,
                              std::unique_ptr<Pass> pass) {
  auto isThis = [&](StringRef name) {
    return shortName(name) == shortName(pass->getArgument());
  };
  if (llvm::none_of(options.disable, isThis))
    pm.addPass(std::move(pass));
}

void buildProofPipeline(OpPassManager &pm) { pm.addPass(createCheckLicence()); }

void buildFusePipeline(OpPassManager &pm, const PipelineOptions &options) {
  auto unlessDisabled = [&](std::unique_ptr<Pass> pass) {
    addUnlessDisabled(pm, options, std::move(pass));
  };
  unlessDisabled(createFuseMaskSoftmax());
  unlessDisabled(createFuseAttention());
  // Only now: two attentions of the same q and k each make their own scores
  // inside, which is cheaper than storing them once.
  pm.addPass(createCSEPass());
  pm.addPass(createFormLinears());
  unlessDisabled(createMergeLinears());
  unlessDisabled(createFusePrologue());
  unlessDisabled(createFuseEpilogue());
}

void buildSchedulePipeline(OpPassManager &pm, const PipelineOptions &options) {
  if (options.numerics == "bf16")
    pm.addPass(createStoreBf16());
  // The tiles of a band depend on its bounds.
  addUnlessDisabled(pm, options, createTileBounds());
  addUnlessDisabled(pm, options,
                    createSchedule({options.scheduleFile, options.numerics}));
  addUnlessDisabled(pm, options, createPlanBuffers());
}

void buildMaskFactsPipeline(OpPassManager &pm, int64_t length) {
  pm.addPass(createRowCoverage());
  pm.addPass(createCacheCapacity());
  pm.addPass(createMaskCost({length}));
}

namespace {
struct FuseArguments : PassPipelineOptions<FuseArguments> {
  ListOption<std::string> disable{*this, "disable",
                                  llvm::cl::desc("fusions that stay off")};
};
struct ScheduleArguments : PassPipelineOptions<ScheduleArguments> {
  Option<std::string> file{*this, "schedule-file",
                           llvm::cl::desc("schedules by op name")};
  Option<std::string> numerics{*this, "numerics",
                               llvm::cl::desc("f32, bf16 or bf16x6"),
                               llvm::cl::init("f32")};
};
} // namespace

void registerPasses() {
  registerAttnPasses();
  registerProofPasses();
  PassPipelineRegistration<FuseArguments>(
      "heed-fuse", "model -> fused",
      [](OpPassManager &pm, const auto &arguments) {
        PipelineOptions options;
        options.disable.assign(arguments.disable.begin(),
                               arguments.disable.end());
        if (std::string why = whyUnusable(options); !why.empty())
          llvm::report_fatal_error(llvm::Twine(why), /*gen_crash_diag=*/false);
        buildFusePipeline(pm, options);
      });
  PassPipelineRegistration<ScheduleArguments>(
      "heed-schedule", "fused -> scheduled",
      [](OpPassManager &pm, const auto &arguments) {
        buildSchedulePipeline(pm, {{}, arguments.numerics, arguments.file});
      });
}

} // namespace heed
