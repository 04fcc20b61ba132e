//===- Pipeline.h - From scheduled attn to LLVM, stage by stage -----------===//
#pragma once

#include "mlir/Pass/PassManager.h"

namespace heed {

/// scheduled → tiled: kernels in loops over tiles.
void buildTiledPipeline(mlir::OpPassManager &pm);
/// tiled → vector: tiles become register tiles, 1-D vectors in scf loops.
void buildVectorPipeline(mlir::OpPassManager &pm);
/// vector → llvm: upstream's conversions.
void buildLlvmPipeline(mlir::OpPassManager &pm);

/// Registers the passes of codegen and the pipelines "attn-to-tiled",
/// "attn-to-vector", "attn-to-llvm".
void registerCodegen();

} // namespace heed
