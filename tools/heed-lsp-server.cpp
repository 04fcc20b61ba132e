//===- heed-lsp-server.cpp - attn IR in an editor -------------------------===//
//
// Serves .mlir files with the attn dialect over the language server protocol:
// hover, go to definition, diagnostics.
//
//===----------------------------------------------------------------------===//
#include "ir/Attn.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<heed::attn::AttnDialect>();
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
