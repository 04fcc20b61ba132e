//===- Affine.h - Values and texts of affine expressions ------------------===//
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/IntegerSet.h"

#include <string>

namespace heed::masks {

int64_t evaluate(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> dims,
                 llvm::ArrayRef<int64_t> symbols);
bool holds(mlir::IntegerSet set, llvm::ArrayRef<int64_t> dims,
           llvm::ArrayRef<int64_t> symbols);

/// The expression, with the names of its dims and symbols.
void printAffine(llvm::raw_ostream &os, mlir::AffineExpr expr,
                 llvm::ArrayRef<std::string> dims,
                 llvm::ArrayRef<std::string> symbols);
/// `a >= 0 and b == 0`.
void printSet(llvm::raw_ostream &os, mlir::IntegerSet set,
              llvm::ArrayRef<std::string> dims,
              llvm::ArrayRef<std::string> symbols);

} // namespace heed::masks
