//===- heed-frontend-print.cpp - Prints stage 1, or the errors ------------===//
#include "frontend/Import.h"

#include "mlir/IR/AsmState.h"

int main(int argc, char **argv) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  heed::Diagnostics diags;
  bool locations = argc > 2 && llvm::StringRef(argv[1]) == "--locations";
  if (argc != 2 + locations) {
    llvm::errs() << "usage: heed-frontend-print [--locations] MODEL.yaml\n";
    return 2;
  }
  auto module = heed::importModel(context, argv[argc - 1], diags);
  diags.print(llvm::errs());
  if (!module)
    return 1;
  mlir::OpPrintingFlags flags;
  if (locations)
    flags.enableDebugInfo(true, true);

  module->print(llvm::outs(), flags);
  llvm::outs() << '\n'; // as heed-opt ends
  return 0;
}
