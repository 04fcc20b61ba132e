//===- EmitObject.h - The llvm stage becomes an object file or assembly ---===//
#pragma once

#include "ir/Attn.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace heed {

/// Translates the llvm stage of a module for `attn.target`, adds the entry `heed_entry` (runtime/model/Entry.h) and the table
/// `heed_variants`, and optimises. Null and a diagnostic on failure.
std::unique_ptr<llvm::Module> translateToLlvm(mlir::ModuleOp module, llvm::LLVMContext &context);

enum class MachineCode { Object, Assembly };

/// Writes machine code for the module's target.
mlir::LogicalResult emitMachineCode(llvm::Module &module, attn::TargetAttr target, MachineCode kind, llvm::raw_pwrite_stream &os);

} // namespace heed
