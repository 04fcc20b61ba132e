#include "passes/masks/certificate/Checker.h"

#include <sstream>

using namespace heed::certificate;

/// A new row: a sum of rows by multipliers of at least 0, over a number that
/// divides the coefficients, rounded down.
static Linear cut(const std::vector<Linear> &rows, std::istringstream &words) {
  Linear sum = {0};
  int64_t divisor = 0, factor;
  size_t row;
  char star;
  require(words >> divisor && divisor >= 1, "a cut needs a divisor from 1");
  while (words >> row >> star >> factor) {
    require(row < rows.size() && star == '*' && factor >= 0,
            "no such row, or a negative number of times");
    sum = combine(sum, 1, rows[row], factor);
  }
  require(words.eof(), "a cut is `cut G R*M R*M ...`");
  for (size_t i = 0; i < sum.size(); ++i) {
    int64_t rest = sum[i] % divisor;
    require(i == 0 || rest == 0, "the divisor does not divide");
    sum[i] = sum[i] / divisor - (rest < 0);
  }
  return sum;
}

namespace {
struct Certificate {
  std::istringstream text;
  unsigned number = 0;

  std::string line() {
    std::string line;
    ++number;
    require(bool(std::getline(text, line)), "the certificate ends too early");
    return line;
  }

  /// Reads a claim up to its verdict.
  std::string readVerdict(Claim &claim) {
    std::string title = "claim " + claim.kind + " " + claim.title;
    require(line() == title, "expected `" + title + "`");
    while (true) {
      std::string part = line(), word = part.substr(0, part.find(' '));
      if (word == "proof" || word == "tested" || word == "open")
        return word;
      require(word.size() < part.size(), "unexpected `" + part + "`");
      claim.parts.emplace_back(word, part.substr(word.size() + 1));
    }
  }

  /// Follows a proof that `problem` has no solution.
  void follow(Problem problem, unsigned depth) {
    require(depth <= 200, "too deep");
    auto &[variables, rows, cases] = problem;
    while (true) {
      std::istringstream words(line());
      std::string step;
      words >> step;
      if (step == "cut") {
        rows.push_back(cut(rows, words));
        if (rows.back().size() == 1 && rows.back()[0] < 0)
          return;
        continue;
      }
      size_t which = cases.size();
      if (step == "branch") { // variable <= bound, or more
        size_t variable = 0;
        int64_t bound = 0;
        require(words >> variable >> bound && variable < variables.size(),
                "no such variable or bound");
        Formula most{Formula::AtLeast0, Linear(variable + 2)};
        most.number.front() = bound;
        most.number.back() = -1;
        cases.push_back({most, negate(most)});
      } else {
        require(step == "split" && words >> which && which < cases.size(),
                "no such step or alternative");
      }
      std::vector<Formula> parts = cases[which];
      cases.erase(cases.begin() + which);
      for (const Formula &part : parts) {
        Problem one = problem;
        one.add(part);
        follow(one, depth + 1);
      }
      return;
    }
  }
};
} // namespace

CheckResult heed::certificate::check(const Outline &model,
                                     const std::string &text) {
  CheckResult result;
  Certificate certificate{std::istringstream(text)};
  try {
    for (Claim &claim : claimsOf(model)) {
      std::string verdict = certificate.readVerdict(claim);
      Problem problem = contradiction(model, claim);
      if (verdict == "proof")
        certificate.follow(problem, 0);
      result.claims[verdict].push_back(claim);
      require(certificate.line().empty(), "expected an empty line");
    }
    require(certificate.text.peek() == EOF, "the model has no more claims");
  } catch (const Refused &refused) {
    const std::string number = std::to_string(certificate.number);
    return {{}, "line " + number + ": " + refused.why};
  }
  return result;
}
