//===- Prover.h - Finds proofs that the checker follows -------------------===//
#pragma once

#include "passes/masks/certificate/Checker.h"

#include <optional>

namespace heed::certificate {

struct Proof {
  /// The steps, one a line, when the problem is contradictory.
  std::optional<std::string> steps;
  /// Integers that satisfy it, by number of variable: the claim is false.
  std::optional<std::vector<int64_t>> counterexample;
  // Neither: the search was given up.
};

/// Refutes the rows, with a split of alternatives where there are some, and a
/// branch on a variable where only fractions are left.
Proof prove(const Problem &problem, unsigned maxSteps = 100000);

/// A variable that stands for a division.
inline bool isDivision(const std::string &variable) {
  return variable.starts_with("floor ");
}

/// The lines of a claim, without a verdict.
std::string print(const Claim &claim);

/// The claim with its proof, ready for the checker; nullopt with the reason
/// when it is false, has no meaning or was not proved.
std::optional<std::string> certify(const Outline &model, const Claim &claim,
                                   std::string &error,
                                   unsigned maxSteps = 100000);

/// The claim with the least number behind `word` that is proved; nullopt when
/// none up to `most` is.
std::optional<Claim> certifyLeast(const Outline &model, const Claim &claim,
                                  const std::string &word, int64_t least,
                                  int64_t most = INT32_MAX - 1);

/// What claims stand on that were made before them, as the checker has it.
class Bases {
public:
  const Parts &of(const Claim &claim) { return bases[claim.kind]; }
  void add(const Claim &claim, bool isProved);

private:
  std::map<std::string, Parts> bases;
};

} // namespace heed::certificate
