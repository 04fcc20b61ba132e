//===- AffineSum.h - Affine expressions as sums that show remainders ------===//
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace heed::attn {

/// constant + Σ factor · term. Terms are distinct and neither sums nor
/// products: positions, symbols, x floordiv n, x mod n, where x is such a sum
/// as well.
///
/// MLIR's simplification writes x mod n as x - (x floordiv n) * n and spreads
/// it over the sum around it, where interval arithmetic no longer sees that it
/// stays below n. Here each of these is x mod n again, of either sign.
class AffineSum {
public:
  explicit AffineSum(mlir::AffineExpr expr);

  struct Term {
    mlir::AffineExpr expr;
    int64_t factor;
  };
  llvm::ArrayRef<Term> terms() const { return parts; }
  int64_t constant() const { return rest; }
  mlir::AffineExpr expr() const;

private:
  void add(mlir::AffineExpr expr, int64_t factor);
  void addTerm(mlir::AffineExpr expr, int64_t factor);
  int64_t factorOf(mlir::AffineExpr expr) const;
  bool findRemainder();

  mlir::MLIRContext *context;
  llvm::SmallVector<Term, 4> parts;
  int64_t rest = 0;
};

/// x and n of x mod n, or of x floordiv n; none of another expression.
struct Division {
  mlir::AffineExpr dividend;
  int64_t divisor;
};
std::optional<Division> asMod(mlir::AffineExpr expr);
std::optional<Division> asFloorDiv(mlir::AffineExpr expr);

/// Where `sum == 0` asks that a number divides another.
struct Congruence {
  mlir::AffineExpr dividend;
  int64_t divisor;
  /// It asks nothing else.
  bool isAll;
};
/// x mod n = c, or x mod n = y mod n + c.
std::optional<Congruence> asCongruence(const AffineSum &sum);

} // namespace heed::attn
