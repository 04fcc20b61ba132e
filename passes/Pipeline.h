//===- Pipeline.h - From what a model means to how it runs ----------------===//
#pragma once

#include "mlir/Pass/PassManager.h"

#include <string>

namespace heed {

struct PipelineOptions {
  /// Fusions that stay off, by flag with or without `attn-`: the model is built
  /// all the same, and equals the oracle.
  llvm::SmallVector<std::string> disable;
  /// f32, bf16 to allow products of bf16, or bf16x6 for linears of f32 in parts
  /// of bf16.
  std::string numerics = "f32";
  /// Schedules that override the cost model's (passes/ScheduleFile.h); empty
  /// for none.
  std::string scheduleFile;
};

/// The flags that `disable` may name.
llvm::ArrayRef<llvm::StringRef> fusionNames();

/// Why the options cannot be used (a fusion that does not exist); empty when
/// they can.
std::string whyUnusable(const PipelineOptions &options);

/// What must be proved of the model stage before code is made from it.
void buildProofPipeline(mlir::OpPassManager &pm);
/// model -> fused.
void buildFusePipeline(mlir::OpPassManager &pm, const PipelineOptions &options);
/// fused -> scheduled. The module carries `attn.target`.
void buildSchedulePipeline(mlir::OpPassManager &pm,
                           const PipelineOptions &options);

/// Says of a scheduled model, in remarks, what its masks mean: rows without
/// keys, what caches keep, pairs allowed and visited at `length` positions.
/// Changes nothing.
void buildMaskFactsPipeline(mlir::OpPassManager &pm, int64_t length);

/// Makes every pass known by its flag, and both pipelines as heed-fuse and
/// heed-schedule.
void registerPasses();

} // namespace heed
