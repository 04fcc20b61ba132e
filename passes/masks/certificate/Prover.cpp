#include "passes/masks/certificate/Prover.h"

#include "passes/masks/certificate/Refutation.h"

#include <algorithm>
#include <stdexcept>

using namespace heed::certificate;

static bool holds(const Formula &formula, const std::vector<int64_t> &point) {
  auto part = [&](const Formula &f) { return holds(f, point); };
  if (formula.kind == Formula::And)
    return std::all_of(formula.parts.begin(), formula.parts.end(), part);
  if (formula.kind == Formula::Or)
    return std::any_of(formula.parts.begin(), formula.parts.end(), part);
  __int128 value = formula.number[0];
  for (size_t v = 1; v < formula.number.size(); ++v)
    value += (__int128)formula.number[v] * point[v - 1];
  return value >= 0;
}

namespace {
/// One way to go on, and those of its cases that are closed at once.
struct Cases {
  std::string step;
  std::vector<Problem> problems;
  std::vector<std::optional<std::string>> closed;

  size_t open() const {
    return std::count(closed.begin(), closed.end(), std::nullopt);
  }
  void add(Problem problem, unsigned &steps) {
    Refutation refutation(problem, steps);
    closed.push_back(refutation.run() == Refutation::Refuted
                         ? std::optional(refutation.proof())
                         : std::nullopt);
    problems.push_back(std::move(problem));
  }
};
} // namespace

static Cases splitAlternative(const Problem &problem, size_t number,
                              unsigned &steps) {
  Cases cases{"split " + std::to_string(number) + "\n", {}, {}};
  Problem rest = problem;
  rest.alternatives.erase(rest.alternatives.begin() + number);
  for (const Formula &part : problem.alternatives[number]) {
    Problem one = rest;
    one.add(part);
    cases.add(std::move(one), steps);
  }
  return cases;
}

static Cases branchVariable(const Problem &problem, size_t variable,
                            int64_t bound, unsigned &steps) {
  Cases cases{"branch " + std::to_string(variable) + " " +
                  std::to_string(bound) + "\n",
              {},
              {}};
  for (int64_t sign : {-1, 1}) {
    Linear row(variable + 2);
    row.front() = sign < 0 ? bound : -bound - 1;
    row.back() = sign;
    Problem one = problem;
    one.rows.push_back(row);
    cases.add(std::move(one), steps);
  }
  return cases;
}

static Proof search(const Problem &problem, unsigned &steps, unsigned depth) {
  Refutation refutation(problem, steps);
  Refutation::Outcome outcome = refutation.run();
  if (outcome == Refutation::Refuted)
    return {refutation.proof(), std::nullopt};
  if (outcome == Refutation::GivenUp || depth > 60)
    return {};

  // Of the alternatives that the integers found do not satisfy, the one with
  // the fewest open cases.
  std::optional<Cases> best;
  for (size_t i = 0;
       i < problem.alternatives.size() && !(best && best->open() == 0); ++i) {
    const std::vector<Formula> &parts = problem.alternatives[i];
    if (outcome == Refutation::Integers &&
        holds({Formula::Or, {0}, parts}, refutation.point))
      continue;
    Cases cases = splitAlternative(problem, i, steps);
    if (!best || cases.open() < best->open())
      best = std::move(cases);
  }
  if (!best && outcome == Refutation::Integers)
    return {std::nullopt, refutation.point};
  if (!best)
    best =
        branchVariable(problem, refutation.variable, refutation.bound, steps);

  std::string text = best->step;
  for (size_t i = 0; i < best->problems.size(); ++i) {
    Proof proof = best->closed[i] ? Proof{best->closed[i], std::nullopt}
                                  : search(best->problems[i], steps, depth + 1);
    if (!proof.steps)
      return proof;
    text += *proof.steps;
  }
  return {text, std::nullopt};
}

Proof heed::certificate::prove(const Problem &problem, unsigned maxSteps) {
  return search(problem, maxSteps, 0);
}

std::string heed::certificate::print(const Claim &claim) {
  std::string text = "claim " + claim.kind + " " + claim.title + "\n";
  for (const auto &[word, rest] : claim.parts)
    text += word + " " + rest + "\n";
  return text;
}

std::optional<std::string> heed::certificate::certify(const Outline &model,
                                                      const Claim &claim,
                                                      std::string &error,
                                                      unsigned maxSteps) {
  try {
    Problem problem = contradiction(model, claim);
    Proof proof = prove(problem, maxSteps);
    if (proof.steps)
      return print(claim) + "proof\n" + *proof.steps + "\n";
    error = "not proved";
    if (proof.counterexample) {
      error = "false";
      for (size_t v = 0; v < problem.variables.size(); ++v)
        if (!isDivision(problem.variables[v]))
          error += (v ? ", " : " where ") + problem.variables[v] + " = " +
                   std::to_string((*proof.counterexample)[v]);
    }
  } catch (const std::domain_error &refused) {
    error = refused.what();
  }
  return std::nullopt;
}

std::optional<Claim> heed::certificate::certifyLeast(const Outline &model,
                                                     const Claim &claim,
                                                     const std::string &word,
                                                     int64_t least,
                                                     int64_t most) {
  Claim found = claim;
  std::string error;
  auto isProved = [&](int64_t number) {
    found.parts = claim.parts;
    found.parts.emplace_back(word, std::to_string(number));
    return certify(model, found, error).has_value();
  };
  if (!isProved(most))
    return std::nullopt;
  while (least < most) {
    int64_t middle = least + (most - least) / 2;
    if (isProved(middle))
      most = middle;
    else
      least = middle + 1;
  }
  isProved(most);
  return found;
}

void Bases::add(const Claim &claim, bool isProved) {
  bases[claim.kind + "-exact"] = claim.parts;
  if (claim.kind != "ahead" && claim.kind != "behind")
    return;
  bool isKnown = isProved && claim.parts.size() == 1;
  bases[claim.kind == "ahead" ? "model" : "reads"].emplace_back(
      "mask", isKnown ? claim.parts[0].second : std::to_string(INT32_MAX));
}
