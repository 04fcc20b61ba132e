//===- Arena.h - Where a function's tensors lie ---------------------------===//
//
// A function's arena is a run of regions, one for each product of dynamic axes
// that its tensors have; a callee's arena begins where its caller's ends.
// Offsets come from the buffer plan (attn.buffer); without a plan every tensor
// has a place of its own.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/Kernel.h"

#include <functional>

namespace heed {

using AxisSizes = std::function<mlir::Value(mlir::StringAttr)>;

class FunctionArena {
public:
  explicit FunctionArena(mlir::func::FuncOp function);

  /// The memory of an op's result within `context.arena`.
  mlir::Value view(Emit &e, mlir::OpResult result, const CallContext &context,
                   const AxisSizes &sizes) const;
  /// What a callee sees as its arena.
  mlir::Value calleeArena(Emit &e, const CallContext &context,
                          const AxisSizes &sizes) const;
  /// The result of the function that this op's result is, if any: it is
  /// computed in the caller's memory.
  std::optional<unsigned> destinationOf(mlir::OpResult result) const;

  /// A region: `bytes` for each unit of the product of the sizes of `axes`.
  struct Region {
    llvm::SmallVector<mlir::StringAttr> axes;
    int64_t bytes = 0;
  };
  llvm::ArrayRef<Region> regions() const { return all; }

private:
  Region &regionOf(llvm::ArrayRef<mlir::StringAttr> axes);
  mlir::Value units(Emit &e, const Region &region,
                    const AxisSizes &sizes) const;
  mlir::Value startOf(Emit &e, unsigned region, const AxisSizes &sizes) const;

  struct Place {
    unsigned region;
    int64_t offset;
  };
  llvm::SmallVector<Region> all;
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::DenseMap<mlir::Value, unsigned> destinations;
};

} // namespace heed
