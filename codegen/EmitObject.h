//===- EmitObject.h - The llvm stage becomes an object file or assembly ---===//
#pragma once

#include "codegen/KernelObjects.h"
#include "codegen/Optimise.h"
#include "ir/Attn.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>
#include <string>
#include <vector>

namespace heed {

/// A model's code for one target: its functions, each with the target's
/// features, and its entry (runtime/model/Entry.h).
struct Variant {
  attn::TargetAttr target;
  std::string features; // what the code needs, as LLVM names it
  std::unique_ptr<llvm::Module> module;
  std::string entry;
  TimeOfFunctions optimised; // by LLVM's passes
};

/// Translates the llvm stage of a module for `attn.target` and optimises it;
/// `emulated`: for a machine without AVX-512 (Emulate.h). Null module and a
/// diagnostic on failure.
Variant translateToLlvm(mlir::ModuleOp module, llvm::LLVMContext &context,
                        bool emulated = false);

/// One module of all variants, best first, with the table `heed_variants`.
std::unique_ptr<llvm::Module> joinVariants(std::vector<Variant> variants);

enum class MachineCode { Object, Assembly };

/// Writes machine code: each function for its own target.
mlir::LogicalResult emitMachineCode(llvm::Module &module, MachineCode kind,
                                    llvm::raw_pwrite_stream &os);

/// The same as objects, one for each function, on `jobs` threads
/// (KernelObjects.h). The module is used up.
std::vector<KernelObject> emitObjects(llvm::Module &module, unsigned jobs);

} // namespace heed
