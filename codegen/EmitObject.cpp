//===- EmitObject.cpp - The llvm stage becomes an object file or assembly -===//
#include "codegen/EmitObject.h"
#include "codegen/Emulate.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
namespace {

/// With these features where a function says nothing of its own.
std::unique_ptr<llvm::TargetMachine> targetMachine(StringRef features) {
  leaveAddressesAlone();
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *x86 = llvm::TargetRegistry::lookupTarget(triple, error);
  llvm::TargetOptions options;
  // Assembly says which block is in which loop and what is a spill:
  // scripts/instruction-counts reads that.
  options.MCOptions.AsmVerbose = true;
  // What a processor fetches at a time: loops of products lose up to 2 % where
  // they begin within it.
  options.LoopAlignment = 32;
  return std::unique_ptr<llvm::TargetMachine>(x86->createTargetMachine(
      triple, "x86-64", features, options, llvm::Reloc::PIC_, {},
      llvm::CodeGenOptLevel::Default));
}

/// void NAME(void **args): calls the C interface of the model's entry with its
/// arguments.
void addEntry(llvm::Module &module, llvm::Function *model, StringRef name) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false),
      llvm::GlobalValue::ExternalLinkage, name, module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", function));
  SmallVector<llvm::Value *> arguments;
  for (auto [i, type] : llvm::enumerate(model->getFunctionType()->params())) {
    llvm::Value *slot = b.CreateConstGEP1_64(pointer, function->getArg(0), i);
    llvm::Value *value = b.CreateLoad(pointer, slot);
    arguments.push_back(type->isPointerTy() ? value
                                            : b.CreateLoad(type, value));
  }
  b.CreateCall(model, arguments);
  b.CreateRetVoid();
}

} // namespace

Variant translateToLlvm(ModuleOp module, llvm::LLVMContext &context,
                        bool emulated) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  auto target = module->getAttrOfType<TargetAttr>("attn.target");
  // Weights have their offsets; what declares them means nothing to LLVM.
  for (auto declare : llvm::make_early_inc_range(module.getOps<DeclareOp>()))
    declare.erase();
  std::unique_ptr<llvm::Module> out =
      translateModuleToLLVMIR(module, context, "model");
  if (!out)
    return {};
  std::string features = target.getFeatures().getValue().str(),
              width = std::to_string(target.getVector());
  if (emulated) {
    emulateAvx512(*out);
    features = withoutAvx512(features);
    width = "256";
  }
  auto machine = targetMachine(features);
  out->setTargetTriple(machine->getTargetTriple());
  out->setDataLayout(machine->createDataLayout());
  llvm::Function *model = nullptr;
  for (llvm::Function &function : *out) {
    if (function.getName().starts_with("_mlir_ciface_") &&
        !function.isDeclaration())
      model = &function;
  }
  if (!model) {
    module.emitError("the model has no entry function");
    return {};
  }
  std::string entry = "heed_entry." + target.getName().getValue().str();
  addEntry(*out, model, entry);
  for (llvm::Function &function : *out) {
    if (function.isDeclaration())
      continue;
    if (function.getName() != entry) {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
      // A kernel keeps its name, for profilers and for the register allocator's
      // sake.
      function.addFnAttr(llvm::Attribute::NoInline);
    }
    function.addFnAttr("target-features", features);
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr("min-legal-vector-width", width);
  }

  TimeOfFunctions times = optimise(*out, *machine);
  return {target, features, std::move(out), entry, std::move(times)};
}

std::unique_ptr<llvm::Module> joinVariants(std::vector<Variant> variants) {
  std::unique_ptr<llvm::Module> out;
  for (Variant &variant : variants)
    if (!out)
      out = std::move(variant.module);
    else if (llvm::Linker::linkModules(*out, std::move(variant.module)))
      llvm_unreachable("variants share no name but the runtime's");
  // const heed_variant heed_variants[] = {{target, features, entry}, …, {}}.
  llvm::IRBuilder<> b(out->getContext());
  auto *pointer = b.getPtrTy();
  auto *type =
      llvm::StructType::get(out->getContext(), {pointer, pointer, pointer});
  auto text = [&](StringRef string) -> llvm::Constant * {
    auto *data = llvm::ConstantDataArray::getString(out->getContext(), string);
    return new llvm::GlobalVariable(*out, data->getType(), true,
                                    llvm::GlobalValue::PrivateLinkage, data);
  };
  SmallVector<llvm::Constant *> table;
  for (const Variant &variant : variants) {
    llvm::Function *entry = out->getFunction(variant.entry);
    entry->setLinkage(llvm::GlobalValue::InternalLinkage);
    std::string features = variant.features;
    llvm::erase(features, '+');
    table.push_back(llvm::ConstantStruct::get(
        type,
        {text(variant.target.getName().getValue()), text(features), entry}));
  }
  table.push_back(llvm::Constant::getNullValue(type));
  auto *array = llvm::ArrayType::get(type, table.size());
  new llvm::GlobalVariable(
      *out, array, true, llvm::GlobalValue::ExternalLinkage,
      llvm::ConstantArray::get(array, table), "heed_variants");
  return out;
}

LogicalResult emitMachineCode(llvm::Module &module, MachineCode kind,
                              llvm::raw_pwrite_stream &os) {
  auto machine = targetMachine("");
  llvm::legacy::PassManager pm;
  auto type = kind == MachineCode::Object ? llvm::CodeGenFileType::ObjectFile
                                          : llvm::CodeGenFileType::AssemblyFile;
  if (machine->addPassesToEmitFile(pm, os, nullptr, type))
    return failure();
  pm.run(module);
  return success();
}

std::vector<KernelObject> emitObjects(llvm::Module &module, unsigned jobs) {
  return emitKernelObjects(module, [] { return targetMachine(""); }, jobs);
}

} // namespace heed
