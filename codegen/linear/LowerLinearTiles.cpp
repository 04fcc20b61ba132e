//===- LowerLinearTiles.cpp - Tiles of linears and row ops become vectors -===//
#include "codegen/Passes.h"
#include "codegen/linear/TileMatmul.h"
#include "codegen/pack/PackedLayout.h"
#include "codegen/rows/RowProgram.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_LOWERLINEARTILES
#include "codegen/Passes.h.inc"

namespace {

void lowerTileRows(IRRewriter &rewriter, TileRowsOp op) {
  rewriter.setInsertionPoint(op);
  Emit e(rewriter, op.getLoc());
  auto x = op.getX().getDefiningOp<FromMemoryOp>();
  int64_t in = RowShape(x.getType()).columns, stride = packedRowStride(in);
  RowProgram program(e, Value(), 0);
  Block &body = op.getPrologue().front();
  program.bind(body.getArgument(0),
               {x.getMemory(), [&](Value row) { return e.mul(row, in); }, in});
  Value yielded = body.getTerminator()->getOperand(0);
  e.loop(op.getFirst(), op.getLast(), [&](Value row) {
    Value to = e.mul(e.sub(row, op.getFirst()), stride);
    program.storeTo(yielded, op.getInto(), to, row, e.index(0), e.index(in));
    if (in % kLanes)
      e.loop(e.index(in), e.index(llvm::alignTo(in, kLanes)),
             [&](Value column) {
               e.storeScalar(e.constant(0), op.getInto(), e.add(to, column));
             });
    e.loop(e.index(llvm::alignTo(in, kLanes)), e.index(stride), kLanes,
           [&](Value column) {
             e.store(e.splat(0), op.getInto(), e.add(to, column));
           });
  });
  // A register tile reads whole tiles of rows; one row alone is read alone.
  Value count = e.sub(op.getLast(), op.getFirst());
  int64_t pad = op.getPad();
  e.when(e.less(e.index(1), count), [&] {
    e.loop(e.mul(count, stride),
           e.mul(e.mul(e.ceilDiv(count, pad), pad), stride), kLanes,
           [&](Value at) { e.store(e.splat(0), op.getInto(), at); });
  });
  rewriter.eraseOp(op);
}

void lowerTileEpilogue(IRRewriter &rewriter, TileEpilogueOp op) {
  rewriter.setInsertionPoint(op);
  Emit e(rewriter, op.getLoc());
  RowProgram program(e, op.getScratch(), 0);
  Block &body = op.getEpilogue().front();
  int64_t width = op.getBlockPanels() * kPanel;
  Value first = e.mul(op.getFirstPanel(), kPanel);
  for (auto [argument, product] :
       llvm::zip(body.getArguments(), op.getProducts()))
    program.bind(argument,
                 {product, [&](Value row) {
                    return e.sub(e.mul(e.sub(row, op.getFirstRow()), width),
                                 first);
                  }});
  e.loop(op.getFirstRow(), op.getLastRow(), [&](Value row) {
    for (auto [value, target] :
         llvm::zip(body.getTerminator()->getOperands(), op.getTargets())) {
      auto append = value.getDefiningOp<CacheAppendOp>();
      int64_t columns =
          RowShape(append ? append.getK().getType() : value.getType()).columns;
      program.store(value, target, row, first,
                    e.min(e.mul(op.getLastPanel(), kPanel), e.index(columns)));
    }
  });
  rewriter.eraseOp(op);
}

struct LowerLinearTiles : impl::LowerLinearTilesBase<LowerLinearTiles> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    auto target = getOperation()->getAttrOfType<TargetAttr>("attn.target");
    SmallVector<Operation *> tiles;
    getOperation().walk([&](Operation *op) {
      if (isa<TileRowsOp, TileMatmulOp, TileEpilogueOp>(op))
        tiles.push_back(op);
    });
    for (Operation *op : tiles) {
      if (auto rows = dyn_cast<TileRowsOp>(op))
        lowerTileRows(rewriter, rows);
      else if (auto matmul = dyn_cast<TileMatmulOp>(op))
        lowerTileMatmul(rewriter, matmul, target);
      else
        lowerTileEpilogue(rewriter, cast<TileEpilogueOp>(op));
    }
  }
};

} // namespace
} // namespace heed
