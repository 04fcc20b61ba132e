//===- EmitObject.cpp - The llvm stage becomes an object file or assembly -===//
#include "codegen/EmitObject.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
namespace {

std::unique_ptr<llvm::TargetMachine> targetMachine(TargetAttr target) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *x86 = llvm::TargetRegistry::lookupTarget(triple, error);
  llvm::TargetOptions options;
  // Assembly says which block is in which loop and what is a spill: scripts/instruction-counts reads that.
  options.MCOptions.AsmVerbose = true;
  return std::unique_ptr<llvm::TargetMachine>(
      x86->createTargetMachine(triple, "x86-64", target.getFeatures().getValue(), options, llvm::Reloc::PIC_, {},
                               llvm::CodeGenOptLevel::Default));
}

/// void heed_entry(void **args): calls the C interface of the model's entry with its arguments.
llvm::Function *addEntry(llvm::Module &module, llvm::Function *model) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *function = llvm::Function::Create(llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false),
                                          llvm::GlobalValue::InternalLinkage, "heed_entry", module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", function));
  SmallVector<llvm::Value *> arguments;
  for (auto [i, type] : llvm::enumerate(model->getFunctionType()->params())) {
    llvm::Value *slot = b.CreateConstGEP1_64(pointer, function->getArg(0), i);
    llvm::Value *value = b.CreateLoad(pointer, slot);
    arguments.push_back(type->isPointerTy() ? value : b.CreateLoad(type, value));
  }
  b.CreateCall(model, arguments);
  b.CreateRetVoid();
  return function;
}

/// const heed_variant heed_variants[] = {{target, features, entry}, {}}.
void addVariants(llvm::Module &module, llvm::Function *entry, TargetAttr target) {
  llvm::IRBuilder<> b(module.getContext());
  auto *pointer = b.getPtrTy();
  auto *type = llvm::StructType::get(module.getContext(), {pointer, pointer, pointer});
  auto text = [&](StringRef string) -> llvm::Constant * {
    auto *data = llvm::ConstantDataArray::getString(module.getContext(), string);
    auto *global = new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data);
    return global;
  };
  std::string features = target.getFeatures().getValue().str();
  llvm::erase(features, '+');
  auto *array = llvm::ArrayType::get(type, 2);
  auto *one = llvm::ConstantStruct::get(type, {text(target.getName().getValue()), text(features), entry});
  auto *data = llvm::ConstantArray::get(array, {one, llvm::Constant::getNullValue(type)});
  new llvm::GlobalVariable(module, array, true, llvm::GlobalValue::ExternalLinkage, data, "heed_variants");
}

} // namespace

std::unique_ptr<llvm::Module> translateToLlvm(ModuleOp module, llvm::LLVMContext &context) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  auto target = module->getAttrOfType<TargetAttr>("attn.target");
  // Weights have their offsets; what declares them means nothing to LLVM.
  for (auto declare : llvm::make_early_inc_range(module.getOps<DeclareOp>()))
    declare.erase();
  std::unique_ptr<llvm::Module> out = translateModuleToLLVMIR(module, context, "model");
  if (!out)
    return nullptr;
  auto machine = targetMachine(target);
  out->setTargetTriple(machine->getTargetTriple());
  out->setDataLayout(machine->createDataLayout());
  llvm::Function *model = nullptr;
  for (llvm::Function &function : *out) {
    if (function.getName().starts_with("_mlir_ciface_") && !function.isDeclaration())
      model = &function;
  }
  if (!model) {
    module.emitError("the model has no entry function");
    return nullptr;
  }
  addVariants(*out, addEntry(*out, model), target);
  for (llvm::Function &function : *out) {
    if (function.isDeclaration())
      continue;
    if (function.getName() != "heed_entry") {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
      // A kernel keeps its name, for profilers and for the register allocator's sake.
      function.addFnAttr(llvm::Attribute::NoInline);
    }
    function.addFnAttr("target-features", target.getFeatures().getValue());
    function.addFnAttr("prefer-vector-width", std::to_string(target.getVector()));
    function.addFnAttr("min-legal-vector-width", std::to_string(target.getVector()));
  }

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // The loops are unrolled and vectorised as the schedule says; doing it again only costs registers.
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder passes(machine.get(), tuning);
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(calls);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, calls, modules);
  // O2 takes twice the time here and makes no kernel faster (measured): code and loops arrive in their final form.
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1).run(*out, modules);
  return out;
}

LogicalResult emitMachineCode(llvm::Module &module, TargetAttr target, MachineCode kind, llvm::raw_pwrite_stream &os) {
  auto machine = targetMachine(target);
  llvm::legacy::PassManager pm;
  auto type = kind == MachineCode::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if (machine->addPassesToEmitFile(pm, os, nullptr, type))
    return failure();
  pm.run(module);
  return success();
}

} // namespace heed
