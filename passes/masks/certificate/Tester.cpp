#include "passes/masks/certificate/Tester.h"

#include "passes/masks/certificate/Prover.h"

#include <random>

using namespace heed::certificate;

std::string heed::certificate::findCounterexample(const Claim &claim,
                                                  unsigned points) {
  std::string error;
  std::optional<Problem> problem = contradiction(claim, error);
  if (!problem)
    return "without meaning: " + error;
  std::mt19937 random(1);
  for (unsigned point = 0; point < points; ++point) {
    // Small numbers meet each other often; a few are large.
    int64_t most = point % 4 == 0 ? 300 : point % 4 == 1 ? 40 : 8;
    Claim here = claim;
    std::string where;
    for (const std::string &name : problem->variables) {
      if (name.compare(0, 5, "floor") == 0)
        continue;
      std::string value = std::to_string(random() % (most + 1));
      here.values.emplace_back(name, value);
      where += (where.empty() ? " where " : ", ") + name + " = " + value;
    }
    // Divisions of constants are all that is left to solve.
    std::optional<Problem> fixed = contradiction(here, error);
    if (fixed && prove(*fixed, 1000).counterexample)
      return "false" + where;
  }
  return "";
}
