//===- KernelObjects.cpp - An object file for each kernel -----------------===//
//
// LLVM compiles one module on one thread: each function goes as bitcode into a
// context of its own.
//
//===----------------------------------------------------------------------===//
#include "codegen/KernelObjects.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

using namespace llvm;

namespace heed {

static bool callsAnother(const Function &function) {
  return any_of(instructions(function), [](const Instruction &instruction) {
    auto *call = dyn_cast<CallBase>(&instruction);
    const Function *callee = call ? call->getCalledFunction() : nullptr;
    return callee && !callee->isDeclaration();
  });
}

/// Bitcode of what `keep` chooses and declarations of the rest.
static SmallString<0> bitcodeOf(const Module &module,
                                function_ref<bool(const GlobalValue *)> keep) {
  ValueToValueMapTy map;
  std::unique_ptr<Module> part = CloneModule(module, map, keep);
  // Declarations that the part does not use would be work for every thread.
  for (GlobalValue &value : make_early_inc_range(part->global_values()))
    if (value.isDeclaration() && value.use_empty())
      value.eraseFromParent();
  SmallString<0> bitcode;
  raw_svector_ostream os(bitcode);
  WriteBitcodeToFile(*part, os);
  return bitcode;
}

static bool compile(StringRef bitcode, TargetMachine &machine,
                    KernelObject &result) {
  LLVMContext context;
  std::unique_ptr<Module> module =
      cantFail(parseBitcodeFile(MemoryBufferRef(bitcode, "kernel"), context));
  raw_svector_ostream os(result.object);
  legacy::PassManager pm;
  if (machine.addPassesToEmitFile(pm, os, nullptr, CodeGenFileType::ObjectFile,
                                  /*DisableVerify=*/true))
    return false;
  pm.run(*module);
  return true;
}

std::vector<KernelObject>
emitKernelObjects(Module &module,
                  function_ref<std::unique_ptr<TargetMachine>()> machine,
                  unsigned jobs) {
  std::vector<KernelObject> objects;
  for (const Function &function : module)
    if (!function.isDeclaration())
      objects.push_back(
          {function.getName().str(), !callsAnother(function), {}});
  objects.emplace_back();
  for (GlobalValue &value : module.global_values())
    if (!value.isDeclaration() && value.hasLocalLinkage()) {
      // Names of functions come from model files: they must not meet libc's.
      value.setName("heed." + value.getName());
      value.setLinkage(GlobalValue::ExternalLinkage);
      value.setVisibility(GlobalValue::HiddenVisibility);
    }
  std::vector<SmallString<0>> parts;
  for (const Function &function : module)
    if (!function.isDeclaration())
      parts.push_back(bitcodeOf(module, [&](const GlobalValue *value) {
        return value == &function;
      }));
  parts.push_back(bitcodeOf(
      module, [](const GlobalValue *value) { return !isa<Function>(value); }));

  // The largest first, so that none is left over at the end.
  std::vector<size_t> order(parts.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::pair(parts[b].size(), a) < std::pair(parts[a].size(), b);
  });

  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  auto work = [&] {
    for (size_t turn; (turn = next++) < order.size();) {
      size_t i = order[turn];
      auto began = std::chrono::steady_clock::now();
      if (!compile(parts[i], *machine(), objects[i]))
        failed = true;
      objects[i].seconds = std::chrono::duration<double>(
                               std::chrono::steady_clock::now() - began)
                               .count();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < jobs; ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  if (failed)
    objects.clear();
  return objects;
}

} // namespace heed
