//===- Exact.h - Exact set operations over the integers, on an allowance --===//
//
// Union, difference and projection of integer sets. mlir/Analysis/Presburger
// answers the questions on one conjunction: is it empty, and which point has
// it. Its subtract, complement, isSubsetOf, isEqual and simplify are wrong in
// LLVM 22 (see tests/passes/masks/UpstreamBugs.cpp), and its elimination by
// parametric search can run for hours.
//
// The library cannot be interrupted, so each step is estimated before it is
// taken and paid from an allowance.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/Conjunct.h"

namespace heed::masks {

/// A finite union of conjunctions over the same dims and symbols.
struct IntegerUnion {
  IntegerUnion(unsigned numDims, unsigned numSymbols)
      : numDims(numDims), numSymbols(numSymbols) {}
  IntegerUnion(Conjunct c) : numDims(c.numDims), numSymbols(c.numSymbols) {
    disjuncts.push_back(std::move(c));
  }

  unsigned numDims, numSymbols;
  llvm::SmallVector<Conjunct, 2> disjuncts;

  IntegerUnion withDims(unsigned first, unsigned count) const;
  IntegerUnion withSymbols(unsigned first, unsigned count) const;
  bool contains(llvm::ArrayRef<int64_t> dimsAndSymbols) const;
  void print(llvm::raw_ostream &os, llvm::ArrayRef<std::string> names) const;
};

/// Set operations that are exact or say that they gave up. After `exhausted()`
/// turns true every result is meaningless, so a chain of operations needs one
/// test at its end.
class Exact {
public:
  /// About the work of 100 ms on a 4 GHz core; the typical mask needs a
  /// hundredth of it.
  static constexpr int64_t defaultAllowance = 2'000'000;

  explicit Exact(int64_t allowance = defaultAllowance) : left(allowance) {}

  bool exhausted() const { return left < 0; }
  /// Takes the cost of a step, of about 50 ns, from the allowance; false when
  /// it is spent.
  bool pay(int64_t cost);

  /// No integer point (dims and symbols alike are free).
  bool isEmpty(const Conjunct &c);
  bool isEmpty(const IntegerUnion &set);

  /// Turns rows of `c` that are 0 at every point of it within `known` into
  /// equalities; whether there were any. i >= r, i <= 1, j >= 0, j <= r - 1 has
  /// points for r = 1 only.
  bool equateRows(Conjunct &c, const Conjunct &known);

  /// The integer point of the set that is least in the first column, then in
  /// the second, and so on; [dims, symbols]. Columns without a lower bound take
  /// some value. nullopt when the set is empty.
  std::optional<llvm::SmallVector<int64_t>> least(const IntegerUnion &set);

  /// Both sets, without the empty pairs.
  IntegerUnion intersect(const IntegerUnion &a, const IntegerUnion &b);
  /// a minus b. The pieces of one disjunct of `a` are disjoint.
  IntegerUnion subtract(const IntegerUnion &a, const IntegerUnion &b);
  bool isSubset(const IntegerUnion &a, const IntegerUnion &b);

  /// {x : there are values of dims [first, first + count) such that (x, values)
  /// is in the set}.
  IntegerUnion project(const IntegerUnion &set, unsigned first, unsigned count);

  /// The same set with pairwise disjoint disjuncts.
  IntegerUnion disjoint(const IntegerUnion &set);
  /// The same set, with pairs of disjuncts replaced by one where one is enough.
  /// Keeps disjointness.
  IntegerUnion merge(IntegerUnion set);

  /// A shorter conjunction that equals `c` on all points of `context`.
  Conjunct simplify(Conjunct c, Conjunct context);

private:
  /// Adds `c` to `out` in reduced form, unless it is empty.
  void addNonEmpty(llvm::SmallVectorImpl<Conjunct> &out, Conjunct c);
  bool normalize(Conjunct &c);
  std::optional<llvm::SmallVector<int64_t>> sample(const Conjunct &c);
  void subtractOne(const Conjunct &a, const Conjunct &b,
                   llvm::SmallVectorImpl<Conjunct> &out);
  /// row >= 0 on all of c.
  bool implies(const Conjunct &c, const Row &row);
  std::optional<Conjunct> mergeTwo(const Conjunct &a, const Conjunct &b);

  int64_t left;
};

} // namespace heed::masks
