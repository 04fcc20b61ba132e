//===- KernelRunner.cpp - Compiles functions in memory and calls them -----===//
#include "tests/codegen/attention/KernelRunner.h"
#include "codegen/Emulate.h"
#include "codegen/attention/LowerTileOps.h"
#include "tests/amx/Emulator.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

#include <ctime>

using namespace mlir;

namespace heed::test {

attn::TargetAttr Machine::attribute(MLIRContext *context) const {
  Builder b(context);
  return attn::TargetAttr::get(context, b.getStringAttr(name),
                               b.getStringAttr(llvm::join(features, ",")),
                               lanes * 32, registers, 48 << 10, 1 << 20, {});
}

static bool hostHas(StringRef features) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  SmallVector<StringRef> all;
  features.split(all, ',', -1, false);
  return llvm::all_of(all, [&](StringRef feature) {
    return feature.starts_with("+amx") || host.lookup(feature.drop_front());
  });
}

bool Machine::isHere() const { return hostHas(llvm::join(features, ",")); }
bool Machine::runsHere() const {
  return hostHas(withoutAvx512(llvm::join(features, ",")));
}

const std::vector<Machine> &machines() {
  static const std::vector<Machine> all = {
      {"x86-64-v4",
       16,
       32,
       {"+avx512f", "+avx512bw", "+avx512dq", "+avx512vl", "+avx2", "+fma"}},
      {"x86-64-v3", 8, 16, {"+avx2", "+fma"}},
  };
  return all;
}

const Machine &bf16Machine() {
  static const Machine machine = [] {
    Machine made = machines().front();
    made.name = "x86-64-v4 + bf16";
    made.features.push_back("+avx512bf16");
    return made;
  }();
  return machine;
}

const Machine &amxMachine() {
  // Every time: Catch2 has a handler of its own for each test.
  emulateAmx();
  static const Machine machine = [] {
    Machine made = bf16Machine();
    made.name = "AMX";
    made.features.insert(made.features.end(), {"+amx-tile", "+amx-bf16"});
    return made;
  }();
  return machine;
}

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registry.insert<attn::AttnDialect>();
  return std::make_unique<MLIRContext>(registry,
                                       MLIRContext::Threading::DISABLED);
}

LogicalResult lowerToLLVM(ModuleOp module) {
  PassManager pm(module.getContext());
  pm.addPass(attn::createLowerAttentionTilesPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  return pm.run(module);
}

/// Of this process: what other work on the machine takes does not count.
static double cpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         1e-9 * static_cast<double>(time.tv_nsec);
}

[[noreturn]] static void die(const llvm::Twine &message) {
  llvm::errs() << message << "\n";
  std::abort();
}

/// Adds `NAME.call(ptr args)`, which loads each argument of NAME's C interface
/// from args.
static void addCaller(llvm::Function &function, llvm::Module &module) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::get(context, 0);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto *caller = llvm::Function::Create(
      type, llvm::Function::ExternalLinkage,
      function.getName().substr(strlen("_mlir_ciface_")) + ".call", module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "entry", caller));
  std::vector<llvm::Value *> values;
  for (auto [i, argument] : llvm::enumerate(function.args())) {
    llvm::Value *slot = b.CreateLoad(
        pointer, b.CreateConstGEP1_64(pointer, caller->getArg(0), i));
    values.push_back(argument.getType()->isPointerTy()
                         ? slot
                         : b.CreateLoad(argument.getType(), slot));
  }
  b.CreateCall(&function, values);
  b.CreateRetVoid();
}

CompiledModule::CompiledModule(ModuleOp module, const Machine &machine,
                               bool emulated) {
  double start = cpuSeconds();
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  for (auto func : module.getOps<func::FuncOp>()) {
    func.setPublic();
    func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                  UnitAttr::get(module.getContext()));
  }
  if (failed(lowerToLLVM(module)))
    die("no LLVM dialect");
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(module, *context);
  if (!code)
    die("no LLVM IR");

  std::string features = llvm::join(machine.features, ",");
  if (emulated) {
    emulateAvx512(*code);
    features = withoutAvx512(features);
  }
  llvm::orc::JITTargetMachineBuilder builder{
      llvm::Triple(llvm::sys::getDefaultTargetTriple())};
  builder.setCPU("x86-64")
      .addFeatures(llvm::SubtargetFeatures(features).getFeatures())
      .setCodeGenOptLevel(emulated ? llvm::CodeGenOptLevel::Less
                                   : llvm::CodeGenOptLevel::Aggressive);
  auto targetMachine = llvm::cantFail(builder.createTargetMachine());
  code->setDataLayout(targetMachine->createDataLayout());
  code->setTargetTriple(targetMachine->getTargetTriple());
  std::vector<llvm::Function *> interfaces;
  for (llvm::Function &function : *code)
    if (function.getName().starts_with("_mlir_ciface_"))
      interfaces.push_back(&function);
  std::vector<std::string> names;
  for (llvm::Function *function : interfaces)
    names.push_back(function->getName().str());
  for (llvm::Function *function : interfaces)
    addCaller(*function, *code);

  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = false;
  llvm::PassBuilder passes(targetMachine.get(), tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(graphs);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, graphs, modules);
  // Nobody times emulated code, and there is twice as much of it.
  passes
      .buildPerModuleDefaultPipeline(emulated ? llvm::OptimizationLevel::O1
                                              : llvm::OptimizationLevel::O2)
      .run(*code, modules);

  if (const char *path = std::getenv("HEED_TEST_DUMP")) {
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << *code;
  }
  jit = llvm::cantFail(
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(builder).create());
  llvm::cantFail(jit->addIRModule(
      llvm::orc::ThreadSafeModule(std::move(code), std::move(context))));
  // The code is made on the first lookup.
  for (const std::string &name : names)
    llvm::cantFail(jit->lookup(name));
  compileSeconds = cpuSeconds() - start;
}

void CompiledModule::call(const std::string &function,
                          const std::vector<Argument> &arguments) const {
  struct MemRef {
    void *allocated, *aligned;
    int64_t offset, size, stride;
  };
  std::vector<MemRef> memrefs(arguments.size());
  std::vector<int64_t> numbers(arguments.size());
  std::vector<void *> slots;
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    memrefs[i] = {argument.data, argument.data, 0, argument.size, 1};
    numbers[i] = argument.number;
    slots.push_back(argument.size < 0 ? static_cast<void *>(&numbers[i])
                                      : &memrefs[i]);
  }
  auto symbol = jit->lookup(function + ".call");
  if (!symbol)
    die("no symbol " + function + ": " + llvm::toString(symbol.takeError()));
  symbol->toPtr<void (*)(void **)>()(slots.data());
}

} // namespace heed::test
