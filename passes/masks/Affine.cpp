#include "passes/masks/Affine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

int64_t heed::masks::evaluate(AffineExpr expr, ArrayRef<int64_t> dims,
                              ArrayRef<int64_t> symbols) {
  if (auto c = dyn_cast<AffineConstantExpr>(expr))
    return c.getValue();
  if (auto d = dyn_cast<AffineDimExpr>(expr))
    return dims[d.getPosition()];
  if (auto s = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[s.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), dims, symbols),
          b = evaluate(binary.getRHS(), dims, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(a, b);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(a, b);
  default:
    return llvm::mod(a, b);
  }
}

bool heed::masks::holds(IntegerSet set, ArrayRef<int64_t> dims,
                        ArrayRef<int64_t> symbols) {
  for (auto [expr, equality] :
       llvm::zip(set.getConstraints(), set.getEqFlags())) {
    int64_t value = evaluate(expr, dims, symbols);
    if (equality ? value != 0 : value < 0)
      return false;
  }
  return true;
}

void heed::masks::printAffine(llvm::raw_ostream &os, AffineExpr expr,
                              ArrayRef<std::string> dims,
                              ArrayRef<std::string> symbols) {
  std::string raw;
  llvm::raw_string_ostream(raw) << expr;
  for (size_t i = 0; i < raw.size();) {
    size_t end = i + 1;
    while (end < raw.size() && llvm::isDigit(raw[end]))
      ++end;
    bool variable = (raw[i] == 'd' || raw[i] == 's') && end > i + 1 &&
                    (i == 0 || !llvm::isAlnum(raw[i - 1]));
    if (variable) {
      ArrayRef<std::string> names = raw[i] == 'd' ? dims : symbols;
      os << names[std::stoul(raw.substr(i + 1, end - i - 1))];
      i = end;
    } else {
      os << raw[i++];
    }
  }
}

void heed::masks::printSet(llvm::raw_ostream &os, IntegerSet set,
                           ArrayRef<std::string> dims,
                           ArrayRef<std::string> symbols) {
  for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
    os << (i ? " and " : "");
    printAffine(os, set.getConstraint(i), dims, symbols);
    os << (set.isEq(i) ? " == 0" : " >= 0");
  }
}
