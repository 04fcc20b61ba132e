//===- heed-opt.cpp - Runs passes on IR, with the MLIR conventions --------===//
#include "codegen/Pipeline.h"
#include "ir/Attn.h"
#include "passes/Pipeline.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllPasses();
  heed::registerPasses();
  heed::registerCodegen();
  registry.insert<heed::attn::AttnDialect>();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "heed's optimizer driver\n", registry));
}
