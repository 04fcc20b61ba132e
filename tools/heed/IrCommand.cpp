//===- IrCommand.cpp - heed ir: the IR of a stage -------------------------===//
#include "codegen/EmitObject.h"
#include "tools/heed/Commands.h"
#include "tools/heed/Compilation.h"
#include "tools/heed/Report.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"

namespace heed {

int irCommand(const Options &options) {
  auto stage = llvm::StringSwitch<Stage>(options.stage)
                   .Case("model", Stage::Model)
                   .Case("fused", Stage::Fused)
                   .Case("scheduled", Stage::Scheduled)
                   .Case("tiled", Stage::Tiled)
                   .Case("vector", Stage::Vector)
                   .Default(Stage::Llvm);
  Compilation compilation(options);
  if (!compilation.import() || !compilation.runTo(stage))
    return 1;
  if (options.stage != "asm") {
    compilation.module().print(llvm::outs());
    llvm::outs() << '\n';
  } else {
    llvm::LLVMContext context;
    std::vector<Variant> variants;
    variants.push_back(translateToLlvm(compilation.module(), context));
    if (!variants.front().module)
      return 3;
    auto module = joinVariants(std::move(variants));
    llvm::SmallVector<char, 0> code;
    llvm::raw_svector_ostream os(code);
    if (failed(emitMachineCode(*module, MachineCode::Assembly, os)))
      return 3;
    llvm::outs() << os.str();
  }
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    std::string what = llvm::outs().error().message();
    llvm::outs().clear_error();
    reportError("standard output: " + what);
    return 3;
  }
  return 0;
}

} // namespace heed
