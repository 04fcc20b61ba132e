//===- Refutation.h - Shows that rows have no common solution -------------===//
#pragma once

#include "passes/masks/certificate/Checker.h"

#include <map>

namespace heed::certificate {

/// Fourier-Motzkin elimination that remembers how each row was made, with rows
/// rounded to integers. Rows of a problem that are opposite, one right after
/// the other, are taken for an equality.
class Refutation {
public:
  /// Each sum of rows takes one of `steps`.
  Refutation(const Problem &problem, unsigned &steps);

  enum Outcome { Refuted, Integers, Branch, GivenUp };
  Outcome run();

  /// The cuts, one a line, when refuted.
  std::string proof() const;
  std::vector<int64_t> point; ///< Integers: a solution
  size_t variable = 0;        ///< Branch: variable <= bound, or more
  int64_t bound = 0;

private:
  /// A row with its coefficients apart, >= 0 or == 0.
  struct Row {
    std::vector<int64_t> coefficients;
    int64_t constant = 0;
    bool equality = false;

    int64_t at(size_t v) const {
      return v < coefficients.size() ? coefficients[v] : 0;
    }
    bool isConstant() const { return coefficients.empty(); }
  };
  /// A row and the cut that made it; of an equality, a cut for each direction.
  struct Derived {
    Row row;
    std::vector<std::pair<size_t, int64_t>> parents; ///< none: of the problem
    int64_t divisor = 1;
    size_t given = 0; ///< its number in the problem
  };

  /// Adds k times `other` to `row`; false when a number is too large.
  static bool addTo(Row &row, const Row &other, int64_t k);
  /// Adds a cut to the active rows; false when it is too large.
  bool derive(std::vector<std::pair<size_t, int64_t>> parents);
  bool activate(size_t index);
  void refuteEquality(size_t index, int64_t g);
  void eliminate(size_t v);
  Outcome assign();

  unsigned &steps;
  size_t numVariables, numGiven = 0, numOfProblem = 0;
  std::vector<Derived> rows;
  std::vector<size_t> active;
  /// coefficients -> inequality among the active
  std::map<std::vector<int64_t>, size_t> tightest;
  size_t contradiction = SIZE_MAX;
  bool overflow = false;
  /// Variables in the order of their elimination, with the rows that bounded
  /// each.
  std::vector<std::pair<size_t, std::vector<size_t>>> eliminated;
};

} // namespace heed::certificate
