//===- Passes.td - From scheduled attn to LLVM ----------------*- tablegen -*-===//
#ifndef HEED_CODEGEN_PASSES_TD
#define HEED_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToTiles : Pass<"attn-lower-to-tiles", "::mlir::ModuleOp"> {
  let summary = "functions on tensors become kernels on memory, in tiles";
  let description = [{
    Every op becomes a kernel (a private function that computes one thread's share) and a call of it followed by a
    barrier; tensors become views of the arena; weight handles become offsets. The kernels are loops over tiles.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
    "::mlir::affine::AffineDialect"];
}

def LowerLinearTiles : Pass<"attn-lower-linear-tiles", "::mlir::ModuleOp"> {
  let summary = "the tiles of linears and of row ops become vectors";
  let description = [{ On the module: the tables of ropes become its globals. }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
    "::mlir::affine::AffineDialect"];
}

#endif
