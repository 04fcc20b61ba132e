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

/// Keeps code generation from reducing what the passes below have reduced, or
/// have left as it is, for the whole process. Before the first machine code.
void leaveAddressesAlone();

/// Runs the passes that generated code gains from, and no others.
TimeOfFunctions optimise(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace heed
