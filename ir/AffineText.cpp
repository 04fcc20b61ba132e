//===- AffineText.cpp - Affine expressions in the names of their symbols --===//
#include "ir/AffineText.h"

using namespace mlir;

namespace heed::attn {

namespace {
/// Binding strength: a sum inside a product needs parentheses, and so does
/// anything to the right of floordiv or mod.
enum Strength { Sum, Product, Atom };

void print(raw_ostream &os, AffineExpr expr, ArrayRef<StringRef> dims,
           ArrayRef<StringRef> symbols, Strength around) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    os << constant.getValue();
    return;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    os << dims[dim.getPosition()];
    return;
  }
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    os << symbols[symbol.getPosition()];
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  AffineExpr lhs = binary.getLHS(), rhs = binary.getRHS();
  if (expr.getKind() == AffineExprKind::Add) {
    if (around > Sum)
      os << '(';
    print(os, lhs, dims, symbols, Sum);
    // `a + b * -1` reads as `a - b`, `a + -4` as `a - 4`.
    auto constant = dyn_cast<AffineConstantExpr>(rhs);
    auto product = dyn_cast<AffineBinaryOpExpr>(rhs);
    AffineConstantExpr factor;
    if (product && product.getKind() == AffineExprKind::Mul)
      factor = dyn_cast<AffineConstantExpr>(product.getRHS());
    if (constant && constant.getValue() < 0 &&
        constant.getValue() != INT64_MIN) {
      os << " - " << -constant.getValue();
    } else if (factor && factor.getValue() == -1) {
      os << " - ";
      print(os, product.getLHS(), dims, symbols, Product);
    } else if (factor && factor.getValue() < 0 &&
               factor.getValue() != INT64_MIN) {
      os << " - ";
      print(os, product.getLHS(), dims, symbols, Product);
      os << " * " << -factor.getValue();
    } else {
      os << " + ";
      print(os, rhs, dims, symbols, Product);
    }
    if (around > Sum)
      os << ')';
    return;
  }
  if (around > Product)
    os << '(';
  StringRef sign = expr.getKind() == AffineExprKind::Mul        ? " * "
                   : expr.getKind() == AffineExprKind::FloorDiv ? " floordiv "
                   : expr.getKind() == AffineExprKind::CeilDiv  ? " ceildiv "
                                                                : " mod ";
  print(os, lhs, dims, symbols, Atom);
  os << sign;
  print(os, rhs, dims, symbols, Atom);
  if (around > Product)
    os << ')';
}
} // namespace

void printAffine(raw_ostream &os, AffineExpr expr, ArrayRef<StringRef> dims,
                 ArrayRef<StringRef> symbols) {
  print(os, expr, dims, symbols, Sum);
}

void printConstraints(raw_ostream &os, IntegerSet set, ArrayRef<StringRef> dims,
                      ArrayRef<StringRef> symbols) {
  for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
    os << (i ? ", " : "");
    print(os, set.getConstraint(i), dims, symbols, Sum);
    os << (set.isEq(i) ? " == 0" : " >= 0");
  }
}

} // namespace heed::attn
