//===- Formula.h - Integer formulas, read from the words of a mask --------===//
//
// Part of the checker: plain C++, exact integers, no LLVM, nothing of heed's
// analyses.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace heed::certificate {

/// sum of coefficients[v] * v + constant, by number of variable; trailing zeros
/// are dropped.
struct Linear {
  std::vector<int64_t> coefficients;
  int64_t constant = 0;

  bool isConstant() const { return coefficients.empty(); }
  int64_t at(size_t v) const {
    return v < coefficients.size() ? coefficients[v] : 0;
  }
  bool operator==(const Linear &other) const = default;
};
/// ka * a + kb * b; nullopt when a number leaves 64 bits.
std::optional<Linear> combine(const Linear &a, int64_t ka, const Linear &b,
                              int64_t kb);

/// expression >= 0, or == 0.
struct Constraint {
  Linear expression;
  bool equality = false;
};

/// A formula without negations. And of no parts is true, Or of none is false.
struct Formula {
  enum Kind { And, Or, Atom } kind = And;
  Constraint atom = {};
  std::vector<Formula> parts = {};
};

/// What is to be shown contradictory: all rows, and one of each alternative.
struct Problem {
  std::vector<std::string> variables;
  std::vector<Constraint> rows;
  std::vector<std::vector<Formula>> alternatives;

  void add(const Formula &formula);
};

/// Reads formulas in the language of masks: or and not < <= > >= == != + - *
/// floordiv mod all same(doc) doc[q] (x). Equal names and look-ups are equal
/// variables; a floordiv or mod is one with two rows of `problem` that define
/// it. The first error stays; what is read after it has no meaning.
class Reader {
public:
  explicit Reader(Problem &problem) : problem(problem) {}
  Formula formula(const std::string &text, bool negated = false);
  Linear number(const std::string &text);

  std::map<std::string, Linear> defined; ///< names that are no variables
  std::string error;

private:
  struct Value {
    std::optional<Formula> formula; ///< a condition, else `number`
    Linear number = {};
  };
  Value read(const std::string &text);
  Value logic(Formula::Kind kind);
  Value comparison();
  Value arithmetic(bool isProduct);
  Value primary();
  Value look(std::string token);
  Formula negate(const Formula &formula);
  Linear sum(const Linear &a, int64_t ka, const Linear &b, int64_t kb);
  Linear divide(const Linear &dividend, int64_t divisor, bool remainder);
  Linear variable(const std::string &name);
  Value fail(const std::string &why);
  bool take(const std::string &token);

  Problem &problem;
  std::vector<std::string> tokens;
  size_t next = 0;
  unsigned depth = 0;
};

} // namespace heed::certificate
