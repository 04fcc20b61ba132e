//===- AffineText.h - Affine expressions in the names of their symbols ----===//
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/IntegerSet.h"
#include "llvm/Support/raw_ostream.h"

namespace heed::attn {

/// Prints `expr` with the given names for d0, d1, … and s0, s1, …; readable by
/// AsmParser::parseAffineExpr with the same names: `q - kv + W - 1`, `(q
/// floordiv 64) * 64`.
void printAffine(llvm::raw_ostream &os, mlir::AffineExpr expr,
                 llvm::ArrayRef<llvm::StringRef> dims,
                 llvm::ArrayRef<llvm::StringRef> symbols);

/// Prints the constraints of a set: `q - kv >= 0, kv - 4 == 0`.
void printConstraints(llvm::raw_ostream &os, mlir::IntegerSet set,
                      llvm::ArrayRef<llvm::StringRef> dims,
                      llvm::ArrayRef<llvm::StringRef> symbols);

} // namespace heed::attn
