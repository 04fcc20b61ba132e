//===- Checker.h - Checks a certificate of what was proved of a model -----===//
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace heed::certificate {

/// Throws std::domain_error where something has no meaning or does not follow.
void require(bool good, const std::string &why);
/// Words stand apart by blanks.
bool isOneOf(const std::string &word, const std::string &words);

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

/// Is it contradictory? All rows are >= 0, and one of each alternative holds.
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

/// A mask with integers for the names of the file. Its title is place and
/// words, `given` is known of symbols, `assumed` promised of rows, `order` that
/// of ops.
struct Mask {
  std::string title, words, given = "all", assumed = "all", order = "all";
};

/// A step of the model file, layers written out, or a value that it begins with
/// (`tokens`, an `input`): what it reads of steps before, and by which masks.
struct Step {
  std::string name;
  std::vector<std::pair<size_t, size_t>> reads;
};
/// Known to read its own row only, but for the keys of attention.
bool readsOwnRow(const Step &step);

/// What a model file says: its masks, and for each output the steps up to it.
struct Outline {
  static constexpr size_t SameRow = 0, Anything = 1, FirstMask = 2;
  std::vector<Mask> masks = {{"", "kv == q"}, {"", "all"}};
  std::vector<std::pair<std::string, std::vector<Step>>> outputs = {};
};

/// Of a mask or an output, with what the analyses found: `ring W - 1`.
using Parts = std::vector<std::pair<std::string, std::string>>;
struct Claim {
  std::string kind, title;
  size_t number;               ///< of the mask, or the output
  Parts parts = {}, base = {}; ///< base: of `cache-exact`, what `cache` says
};
/// All that can be claimed, in the order of a certificate.
std::vector<Claim> claimsOf(const Outline &model);

/// What the claim says cannot be; refuses a claim without meaning.
Problem contradiction(const Outline &model, const Claim &claim);

/// Makes the claims again, and follows the proofs.
struct CheckResult {
  std::map<std::string, std::vector<Claim>> claims; ///< by verdict
  std::string error; ///< empty when good; else `line 12: ...`
};
CheckResult check(const Outline &model, const std::string &certificate);

} // namespace heed::certificate
