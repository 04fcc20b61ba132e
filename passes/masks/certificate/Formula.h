//===- Formula.h - Integer formulas, read from the words of a mask --------===//
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed::certificate {

/// Thrown at the first thing that has no meaning or does not follow.
struct Refused {
  std::string why;
};
void require(bool good, const std::string &why);

/// A constant, then the coefficients of the variables by number, up to the last
/// that is not 0.
using Linear = std::vector<int64_t>;
/// ka * a + kb * b; refuses what leaves 64 bits.
Linear combine(const Linear &a, int64_t ka, const Linear &b, int64_t kb);

/// A condition without negations (And of no parts is true, Or of none false;
/// AtLeast0: of the number), or a number.
struct Formula {
  enum Kind { And, Or, AtLeast0, Number } kind = And;
  Linear number = {0};
  std::vector<Formula> parts = {};
};
Formula negate(const Formula &formula);

/// What is to be shown contradictory: all rows are at least 0, and one of each
/// alternative holds.
struct Problem {
  std::vector<std::string> variables;
  std::vector<Linear> rows;
  std::vector<std::vector<Formula>> alternatives;

  void add(const Formula &formula);
  /// Reads a condition or a number in the language of masks: or and not < <= >
  /// >= == != + - * floordiv mod all doc[q] (x). Names and look-ups are
  /// variables; a division is one with two rows that define it.
  Formula read(const std::string &text, bool isNumber = false);
};

} // namespace heed::certificate
