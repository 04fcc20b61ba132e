//===- AffineSum.cpp - Affine expressions as sums that show remainders ----===//
#include "ir/AffineSum.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace heed::attn {

static std::optional<Division> asDivision(AffineExpr expr,
                                          AffineExprKind kind) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && expr.getKind() == kind)
    if (auto n = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      return Division{binary.getLHS(), n.getValue()};
  return std::nullopt;
}

std::optional<Division> asMod(AffineExpr expr) {
  return asDivision(expr, AffineExprKind::Mod);
}

std::optional<Division> asFloorDiv(AffineExpr expr) {
  return asDivision(expr, AffineExprKind::FloorDiv);
}

AffineSum::AffineSum(AffineExpr expr) : context(expr.getContext()) {
  add(expr, 1);
  while (findRemainder())
    ;
}

AffineExpr AffineSum::expr() const {
  AffineExpr sum = getAffineConstantExpr(0, context);
  for (const Term &term : parts)
    sum = sum + term.expr * term.factor;
  return sum + rest;
}

void AffineSum::add(AffineExpr expr, int64_t factor) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    rest += factor * constant.getValue();
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return addTerm(expr, factor);
  if (expr.getKind() == AffineExprKind::Add) {
    add(binary.getLHS(), factor);
    return add(binary.getRHS(), factor);
  }
  auto right = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!right)
    return addTerm(expr, factor);
  int64_t n = right.getValue();
  if (expr.getKind() == AffineExprKind::Mul)
    return add(binary.getLHS(), factor * n);
  AffineSum dividend(binary.getLHS());
  if (expr.getKind() == AffineExprKind::CeilDiv)
    dividend.rest += n - 1;
  int64_t turns = llvm::divideFloorSigned(dividend.rest, n);
  dividend.rest -= turns * n;
  bool isMod = expr.getKind() == AffineExprKind::Mod;
  if (!isMod)
    rest += factor * turns;
  AffineExpr divided =
      isMod ? dividend.expr() % n : dividend.expr().floorDiv(n);
  if (asMod(divided) || asFloorDiv(divided))
    return addTerm(divided, factor);
  add(divided, factor);
}

int64_t AffineSum::factorOf(AffineExpr expr) const {
  for (const Term &term : parts)
    if (term.expr == expr)
      return term.factor;
  return 0;
}

void AffineSum::addTerm(AffineExpr expr, int64_t factor) {
  auto same = [&](const Term &term) { return term.expr == expr; };
  auto *term = llvm::find_if(parts, same);
  if (term == parts.end()) {
    parts.push_back({expr, factor});
    return;
  }
  term->factor += factor;
  if (term->factor == 0)
    parts.erase(term);
}

/// One k · x - k · n · (x floordiv n) in the sum becomes k · (x mod n).
bool AffineSum::findRemainder() {
  for (auto [division, factor] : parts) {
    auto by = asFloorDiv(division);
    if (!by || factor % by->divisor != 0)
      continue;
    int64_t k = -factor / by->divisor;
    AffineSum x(by->dividend);
    auto has = [&, k = k](const Term &term) {
      int64_t wanted = k * term.factor, found = factorOf(term.expr);
      return wanted > 0 ? found >= wanted : found <= wanted;
    };
    if (x.parts.empty() || !llvm::all_of(x.parts, has))
      continue;
    addTerm(division, -factor);
    for (const Term &term : x.parts)
      addTerm(term.expr, -k * term.factor);
    rest -= k * x.rest;
    add(by->dividend % by->divisor, k);
    return true;
  }
  return false;
}

std::optional<Congruence> asCongruence(const AffineSum &sum) {
  if (sum.terms().empty() || sum.terms().size() > 2)
    return std::nullopt;
  AffineSum::Term first = sum.terms().front(), last = sum.terms().back();
  auto x = asMod(first.expr), y = asMod(last.expr);
  if (!x || !y || std::abs(first.factor) != 1)
    return std::nullopt;
  int64_t c = -first.factor * sum.constant();
  if (sum.terms().size() == 1) {
    if (c < 0 || c >= x->divisor)
      return std::nullopt;
    return Congruence{AffineSum(x->dividend - c).expr(), x->divisor, true};
  }
  if (last.factor != -first.factor || x->divisor != y->divisor)
    return std::nullopt;
  return Congruence{AffineSum(x->dividend - y->dividend - c).expr(), x->divisor,
                    c == 0};
}

} // namespace heed::attn
