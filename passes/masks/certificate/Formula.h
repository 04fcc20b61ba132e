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

/// A formula without negations.
struct Formula {
  enum Kind { And, Or, Atom } kind = And;
  Constraint atom;
  std::vector<Formula> parts; ///< And of none is true, Or of none is false
};
/// nullopt when a constant leaves 64 bits.
std::optional<Formula> negate(const Formula &formula);

/// What is to be shown contradictory: all rows, and one of each alternative.
struct Problem {
  std::vector<std::string> variables;
  std::vector<Constraint> rows;
  std::vector<std::vector<Formula>> alternatives;

  void add(const Formula &formula);
};

/// Reads formulas over the integers in the language of masks:
///   or  and  not  < <= > >= == !=  + -  * floordiv mod by constants  all
///   same(doc)  doc[q]  (x)
/// `a <= b < c` is `a <= b and b < c`. Names are variables, equal names the
/// same; so are look-ups, by their text. A floordiv or mod becomes a variable
/// with two rows of `problem` that define it.
class Reader {
public:
  explicit Reader(Problem &problem) : problem(problem) {}

  /// nullopt when the text is no formula; `error` then says why.
  std::optional<Formula> formula(const std::string &text);
  std::optional<Linear> number(const std::string &text);
  /// Gives a name a value from here on; nullopt makes it a variable again.
  void define(const std::string &name, std::optional<Linear> value);

  std::string error;

private:
  struct Value {
    bool isFormula = false;
    Linear number;
    Formula formula;
  };
  std::optional<Value> read(const std::string &text);
  std::optional<Value> logic(Formula::Kind kind);
  std::optional<Value> notLevel();
  std::optional<Value> comparison();
  std::optional<Value> arithmetic(bool isProduct);
  std::optional<Value> primary();
  std::optional<Linear> divide(const Linear &dividend, int64_t divisor,
                               bool remainder);
  Linear variable(const std::string &name);
  std::optional<Value> fail(const std::string &why);
  std::optional<Value> tooLarge() { return fail("a number is too large"); }
  bool take(const std::string &token);

  Problem &problem;
  std::map<std::string, Linear> defined;
  std::vector<std::string> tokens;
  size_t next = 0;
  unsigned depth = 0;
};

} // namespace heed::certificate
