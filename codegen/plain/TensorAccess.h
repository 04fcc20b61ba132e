//===- TensorAccess.h - Elements of a tensor in memory, by axis name ------===//
#pragma once

#include "codegen/Kernel.h"

namespace heed {

/// An index for each axis name.
using NamedIndices = llvm::StringMap<mlir::Value>;

class TensorAccess {
public:
  TensorAccess(Emit &e, attn::FromMemoryOp tensor);

  /// The number of elements, and an axis's size (1 when there is none of that
  /// name).
  mlir::Value count();
  mlir::Value size(llvm::StringRef axis);
  /// The named indices of element `flat`.
  NamedIndices indices(mlir::Value flat);
  mlir::Value load(const NamedIndices &at);
  void store(mlir::Value value, const NamedIndices &at);
  /// The flat position; axes that `at` does not name are at 0.
  mlir::Value flat(const NamedIndices &at);

  attn::FromMemoryOp tensor;

private:
  Emit &e;
  llvm::SmallVector<llvm::StringRef> names;
  llvm::SmallVector<mlir::Value> sizes;
};

} // namespace heed
