//===- CheckCommand.cpp - heed check: is this model right? ----------------===//
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

namespace heed {

int checkCommand(const Options &options) {
  Compilation compilation(options);
  if (!compilation.import() || failed(mlir::verify(compilation.module())) ||
      !compilation.runTo(Stage::Scheduled))
    return 1;
  int64_t weights =
      llvm::range_size(compilation.module().getOps<attn::DeclareOp>());
  llvm::outs() << options.model << ": good; " << weights << " weights, "
               << compilation.weightBytes() << " bytes packed\n";
  return 0;
}

} // namespace heed
