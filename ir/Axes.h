//===- Axes.h - A tensor's axes by name -----------------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// The names of a tensor's axes; empty when it has no `#attn.axes` encoding.
llvm::ArrayRef<mlir::StringAttr> axisNames(mlir::Type tensor);

/// The number of the axis of that name.
std::optional<unsigned> findAxis(mlir::Type tensor, llvm::StringRef name);

/// The size of the axis of that name (`ShapedType::kDynamic` when it is
/// symbolic), or `absent`.
int64_t axisSize(mlir::Type tensor, llvm::StringRef name, int64_t absent = 1);

/// A ranked tensor of named axes.
mlir::RankedTensorType tensorOf(mlir::Type element,
                                llvm::ArrayRef<mlir::StringAttr> names,
                                llvm::ArrayRef<int64_t> sizes);
mlir::RankedTensorType tensorOf(mlir::Type element,
                                llvm::ArrayRef<llvm::StringRef> names,
                                llvm::ArrayRef<int64_t> sizes);

/// The same axes with the last one's name and size replaced.
mlir::RankedTensorType withLastAxis(mlir::RankedTensorType type,
                                    llvm::StringRef name, int64_t size);

/// The role names.
namespace axis {
inline constexpr llvm::StringLiteral Heads = "heads", KvHeads = "kv_heads",
                                     Head = "head", Query = "q", Key = "kv",
                                     Token = "token", Batch = "batch",
                                     Output = "output", Sequence = "sequence";
} // namespace axis

} // namespace heed::attn
