//===- Remarks.h - What a pass says of its decisions ----------------------===//
//
// All remarks are of category `attn`, named for the pass's flag without
// `attn-`, at one line of YAML, so that `heed explain` can show them at
// the line of YAML. Shown by heed-opt with --remarks-filter=attn.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Operation.h"
#include "mlir/IR/Remarks.h"

namespace heed {

inline constexpr llvm::StringLiteral RemarkCategory = "attn";

inline mlir::remark::RemarkOpts remarkOf(llvm::StringRef pass) {
  return mlir::remark::RemarkOpts::name(pass).category(RemarkCategory);
}

/// The op's own line: of a fused op, that of the first op in it.
inline mlir::Location lineOf(mlir::Operation *op) {
  if (auto line = op->getLoc()->findInstanceOf<mlir::FileLineColLoc>())
    return line;
  return op->getLoc();
}

/// Something was done.
inline void done(mlir::Operation *op, llvm::StringRef pass,
                 const llvm::Twine &text) {
  mlir::remark::passed(lineOf(op), remarkOf(pass)) << text.str();
}
/// Something could not be done; the text says why.
inline void declined(mlir::Operation *op, llvm::StringRef pass,
                     const llvm::Twine &text) {
  mlir::remark::missed(lineOf(op), remarkOf(pass)) << text.str();
}
/// A fact that was found.
inline void found(mlir::Operation *op, llvm::StringRef pass,
                  const llvm::Twine &text) {
  mlir::remark::analysis(lineOf(op), remarkOf(pass)) << text.str();
}

} // namespace heed
