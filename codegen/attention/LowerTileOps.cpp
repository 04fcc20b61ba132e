//===- LowerTileOps.cpp - Tile ops of attention become vector code --------===//
#include "codegen/attention/LowerTileOps.h"
#include "codegen/attention/KeysInLanes.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace heed::attn {

namespace {
struct LowerAttentionTiles : PassWrapper<LowerAttentionTiles, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerAttentionTiles)

  StringRef getArgument() const override {
    return "attn-lower-attention-tiles";
  }
  StringRef getDescription() const override {
    return "Replaces attention's tile ops by loops over 1-D vectors";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect,
                scf::SCFDialect, vector::VectorDialect, LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    bool failedAny = false;
    getOperation()->walk([&](Operation *op) {
      OpBuilder b(op);
      bool keysInLanes = op->hasAttr(kKeysInLanes);
      bool isTile =
          llvm::TypeSwitch<Operation *, bool>(op)
              .Case<TileLoadQueriesOp, TilePositionsOp, TileStartOp,
                    TileSoftmaxOp, TileCombineOp, TileStoreOp>([&](auto tile) {
                return keysInLanes ? lowerKeysInLanes(tile, b)
                                   : lowerTile(tile, b),
                       true;
              })
              .Case<TilePackKeysOp, TilePackValuesOp>(
                  [&](auto tile) { return lowerTile(tile, b), true; })
              .Case<TileScoresOp>([&](auto tile) {
                return failedAny |=
                       failed(keysInLanes ? lowerKeysInLanes(tile, b)
                                          : lowerTile(tile, b)),
                       true;
              })
              .Default(false);
      if (isTile)
        op->erase();
    });
    if (failedAny)
      return signalPassFailure();
    // Division that rounds down has no LLVM op.
    RewritePatternSet patterns(&getContext());
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

std::unique_ptr<Pass> createLowerAttentionTilesPass() {
  return std::make_unique<LowerAttentionTiles>();
}
void registerLowerAttentionTilesPass() {
  PassRegistration<LowerAttentionTiles>();
}

} // namespace heed::attn
