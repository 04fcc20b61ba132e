//===- Kernel.h - One op as a function on memory --------------------------===//
#pragma once

#include "codegen/Emit.h"
#include "ir/Axes.h"

#include "mlir/IR/IRMapping.h"

namespace heed {

/// What every function of a lowered model knows: its leading arguments.
struct CallContext {
  mlir::Value weights, arena, sizes, sync,
      pool; // memrefs; pool is null in a model without caches
  mlir::Value thread, threads; // indices
  /// The arguments' types, in that order.
  static llvm::SmallVector<mlir::Type> types(mlir::MLIRContext *context,
                                             bool hasCache);
  llvm::SmallVector<mlir::Value> values() const;
  static CallContext of(mlir::Block &entry, bool hasCache);
};

/// A model value in memory: what a caller hands to a kernel for it.
///   tensor: memory, then the sizes of its dynamic axes
///   weight: byte offset
///   ragged: positions, sequences, starts, past, slots
///   cache: layer offset, slot stride, capacity
using MemoryValue = llvm::SmallVector<mlir::Value>;

/// A private function of this thread's share of one op. Arguments: the context,
/// `scratch` (i8, this thread's), then the op's operands and what its regions
/// use from outside, then the memory of its results. Inside, each is bound to
/// its model type by attn.from_memory and kin.
struct Kernel {
  mlir::func::FuncOp function;
  CallContext context;
  mlir::Value scratch;
  mlir::IRMapping bound;                  // outer value → bound value
  llvm::SmallVector<mlir::Value> targets; // the results' places, bound
  int64_t scratchBytes = 0; // what the body needs; the emitter sets it
};

/// Makes the function and its bindings; `builder` is left at the end of its
/// body. `inputs` receives the outer values in the order in which the caller
/// must pass their memory.
Kernel beginKernel(mlir::OpBuilder &builder, mlir::Operation *op,
                   llvm::StringRef name, bool hasCache,
                   llvm::SmallVectorImpl<mlir::Value> &inputs);

/// The memory types that a value of this type takes.
llvm::SmallVector<mlir::Type> memoryTypes(mlir::Type type);

/// Binds memory (as memoryTypes lists it) to a value of this type.
mlir::Value bindMemory(Emit &e, mlir::Type type, mlir::ValueRange memory,
                       const CallContext &context);

} // namespace heed
