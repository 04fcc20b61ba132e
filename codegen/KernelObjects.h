//===- KernelObjects.h - An object file for each kernel -------------------===//
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace heed {

/// The machine code of one function.
struct KernelObject {
  std::string name;
  bool isKernel = false; // calls no other function of the module
  llvm::SmallVector<char, 0> object;
  double seconds = 0;
};

/// Machine code of every function, and last an object, without a name, of the
/// module's constants; on `jobs` threads. What was internal gets hidden names:
/// the code is the same as of all functions in one object. `machine` is called
/// from any thread; the module is used up. Empty when the target emits no
/// objects.
std::vector<KernelObject> emitKernelObjects(
    llvm::Module &module,
    llvm::function_ref<std::unique_ptr<llvm::TargetMachine>()> machine,
    unsigned jobs);

} // namespace heed
