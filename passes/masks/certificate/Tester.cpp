#include "passes/masks/certificate/Tester.h"

#include "passes/masks/certificate/Prover.h"

#include <random>
#include <stdexcept>

using namespace heed::certificate;

std::string heed::certificate::findCounterexample(const Outline &model,
                                                  const Claim &claim,
                                                  unsigned points) {
  std::mt19937 random(1);
  try {
    const Problem problem = contradiction(model, claim);
    for (unsigned point = 0; point < points; ++point) {
      // Small numbers meet each other often; a few are large.
      int64_t most = point % 4 == 0 ? 300 : point % 4 == 1 ? 40 : 8;
      Problem here = problem;
      std::string where;
      for (size_t v = 0; v < problem.variables.size(); ++v) {
        if (isDivision(problem.variables[v]))
          continue;
        int64_t value = random() % (most + 1);
        Linear above(v + 2), below(v + 2);
        above[0] = -value;
        above.back() = 1;
        below[0] = value;
        below.back() = -1;
        here.rows.insert(here.rows.end(), {above, below});
        where += (where.empty() ? " where " : ", ") + problem.variables[v] +
                 " = " + std::to_string(value);
      }
      // Divisions of constants are all that is left to solve.
      if (prove(here, 1000).counterexample)
        return "false" + where;
    }
  } catch (const std::domain_error &refused) {
    return std::string("without meaning: ") + refused.what();
  }
  return "";
}
