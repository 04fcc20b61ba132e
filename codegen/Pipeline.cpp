//===- Pipeline.cpp - From scheduled attn to LLVM, stage by stage ---------===//
#include "codegen/Pipeline.h"

#include "codegen/Passes.h"
#include "codegen/attention/LowerTileOps.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace heed {

void buildTiledPipeline(OpPassManager &pm) {
  pm.addPass(createLowerToTiles());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void buildVectorPipeline(OpPassManager &pm) {
  pm.addPass(createLowerLinearTiles());
  pm.addPass(attn::createLowerAttentionTilesPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
}

void buildLlvmPipeline(OpPassManager &pm) {
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void registerCodegen() {
  registerHeedCodegenPasses();
  attn::registerLowerAttentionTilesPass();
  static PassPipelineRegistration<> tiled("attn-to-tiled",
                                          "scheduled attn to loops over tiles",
                                          buildTiledPipeline);
  static PassPipelineRegistration<> vector(
      "attn-to-vector", "tiles to register tiles", buildVectorPipeline);
  static PassPipelineRegistration<> llvm(
      "attn-to-llvm", "vectors to the llvm dialect", buildLlvmPipeline);
}

} // namespace heed
