//===- Optimise.h - LLVM's passes over generated code ---------------------===//
#pragma once

#include "llvm/ADT/StringMap.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace heed {

/// Seconds, by function.
using TimeOfFunctions = llvm::StringMap<double>;

/// Runs the passes that generated code gains from, and no others.
TimeOfFunctions optimise(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace heed
