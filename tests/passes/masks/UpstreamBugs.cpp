// What LLVM 22's Presburger library gets wrong, and that Exact gets right. The
// first half pins the library's behaviour: a failure there means that the
// library was mended and a workaround can go.
#include "passes/masks/Exact.h"

#include "mlir/Analysis/Presburger/PresburgerRelation.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/MLIRContext.h"

#include <catch2/catch.hpp>

using namespace heed::masks;
using namespace mlir::presburger;

namespace {
/// A conjunction over x (and y).
Conjunct conjunct(const std::string &dims, const std::string &constraints) {
  mlir::MLIRContext context;
  mlir::IntegerSet set =
      mlir::parseIntegerSet("(" + dims + ") : (" + constraints + ")", &context);
  if (!set)
    abort();
  Conjunct c(set.getNumDims(), 0);
  std::string why;
  for (unsigned i = 0; i < set.getNumConstraints(); ++i)
    (set.isEq(i) ? c.equalities : c.inequalities)
        .push_back(*c.flatten(set.getConstraint(i), why));
  return c;
}

/// {x : x mod 4 >= 1} as the library holds it: only the pair that restricts the
/// division.
IntegerRelation restrictedDivision() {
  IntegerRelation r(PresburgerSpace::getSetSpace(1, 0, 1));
  r.addInequality(llvm::ArrayRef<int64_t>{1, -4, -1});
  r.addInequality(llvm::ArrayRef<int64_t>{-1, 4, 3});
  return r;
}
} // namespace

TEST_CASE("upstream: the complement of x mod 4 >= 1 is empty") {
  PresburgerSet set{IntegerPolyhedron(restrictedDivision())};
  CHECK(set.complement().isIntegerEmpty());
  CHECK(PresburgerSet::getUniverse(set.getSpace()).isEqual(set));
}

TEST_CASE("upstream: simplify of 2y = z and x + y >= 3 is wrong") {
  IntegerRelation r(PresburgerSpace::getSetSpace(3));
  r.addEquality(llvm::ArrayRef<int64_t>{0, 2, -1, 0});
  r.addInequality(llvm::ArrayRef<int64_t>{1, 1, 0, -3});
  int64_t point[] = {2, 1, 2}, outside[] = {0, 3, 6};
  CHECK(r.containsPoint(point));
  CHECK(r.containsPoint(outside));
  r.simplify();
  CHECK_FALSE((r.containsPoint(point) && r.containsPoint(outside)));
}

TEST_CASE("differences keep the points of restricted divisions") {
  Exact exact;
  Conjunct everything(1, 0);
  Conjunct some = conjunct("x", "x mod 4 - 1 >= 0");
  IntegerUnion rest = exact.subtract(everything, some);
  for (int64_t x = -12; x <= 12; ++x) {
    CHECK(some.contains(x) == (x % 4 != 0));
    CHECK(rest.contains(x) == (x % 4 == 0));
  }
  CHECK_FALSE(exact.isSubset(everything, some));
  CHECK_FALSE(exact.isSubset(conjunct("x", "x == 0"), some));
  CHECK(exact.isSubset(conjunct("x", "x - 4 * (x floordiv 4) - 2 == 0"), some));
  CHECK_FALSE(exact.exhausted());
}

TEST_CASE("projections are exact") {
  Exact exact;
  // There is a y with 3y <= x <= 3y + 1: no rational shadow says it.
  IntegerUnion shadow = exact.project(
      conjunct("x, y", "x - 3 * y >= 0, 3 * y + 1 - x >= 0"), 1, 1);
  // There are y and z with x = 4y + 6z, that is, x is even.
  IntegerUnion even =
      exact.project(conjunct("x, y, z", "x - 4 * y - 6 * z == 0"), 1, 2);
  for (int64_t x = -20; x <= 20; ++x) {
    CHECK(shadow.contains(x) == ((x % 3 + 3) % 3 <= 1));
    CHECK(even.contains(x) == (x % 2 == 0));
  }
  CHECK_FALSE(exact.exhausted());
}

TEST_CASE("equal divisions are one division") {
  Conjunct c(2, 0);
  Row x = c.variable(0), y = c.variable(1);
  Row a = c.divide(x, 4);
  CHECK(c.divide(add(x, c.constant(64)), 4) == add(a, c.constant(16)));
  CHECK(c.divide(scale(x, 2), 8) == a);
  CHECK(c.divide(add(add(scale(x, 3), c.constant(3)), scale(y, 4)), 4) ==
        add(add(x, y), a, -1)); // 3x + 3 = 4x - (x - 3)
  CHECK(c.divide(add(scale(x, -1), c.constant(3)), 4) ==
        scale(a, -1)); // ceil(-x / 4)
  CHECK(c.divide(a, 3) == c.divide(x, 12));
  CHECK(c.divide(scale(x, 8), 4) == scale(x, 2));
  CHECK(c.divisions.size() == 2);
}
