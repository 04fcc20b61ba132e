#include "passes/masks/certificate/Prover.h"

#include <algorithm>
#include <numeric>

using namespace heed::certificate;

namespace {
int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/// A row and the cut that made it.
struct Derived {
  Constraint row;
  std::vector<std::pair<size_t, int64_t>> parents; // none: a row of the problem
  int64_t divisor = 1;
};

/// Refutes a conjunction of rows, or finds why it cannot.
class Refutation {
public:
  Refutation(const Problem &problem, unsigned &steps)
      : steps(steps), numVariables(problem.variables.size()) {
    for (const Constraint &row : problem.rows)
      rows.push_back({row, {}, 1});
    numGiven = rows.size();
  }

  enum Outcome { Refuted, Integers, Branch, GivenUp };
  Outcome run();

  std::string proof() const;
  std::vector<int64_t> point; // Integers
  size_t variable = 0;        // Branch: variable <= bound, or more
  int64_t bound = 0;

private:
  /// Adds a cut to the active rows; false when it is too large.
  bool derive(std::vector<std::pair<size_t, int64_t>> parents);
  bool activate(size_t index);
  void eliminate(size_t v);
  Outcome assign();

  unsigned &steps;
  size_t numVariables, numGiven = 0;
  std::vector<Derived> rows;
  std::vector<size_t> active;
  std::map<std::vector<int64_t>, size_t>
      tightest; // coefficients -> inequality among the active
  size_t contradiction = SIZE_MAX;
  bool overflow = false;
  /// Variables in the order of their elimination, with the rows that bounded
  /// each.
  std::vector<std::pair<size_t, std::vector<size_t>>> eliminated;
};
} // namespace

bool Refutation::derive(std::vector<std::pair<size_t, int64_t>> parents) {
  Derived made;
  made.parents = std::move(parents);
  made.row.equality = true;
  for (auto [index, factor] : made.parents) {
    auto sum =
        combine(made.row.expression, 1, rows[index].row.expression, factor);
    if (!sum || steps == 0) {
      overflow = true;
      return false;
    }
    made.row.expression = *sum;
    made.row.equality &= rows[index].row.equality;
  }
  --steps;
  int64_t g = 0;
  for (int64_t k : made.row.expression.coefficients)
    g = std::gcd(g, k);
  if (g > 1 && !(made.row.equality && made.row.expression.constant % g != 0)) {
    made.divisor = g;
    for (int64_t &k : made.row.expression.coefficients)
      k /= g;
    made.row.expression.constant = floorDiv(made.row.expression.constant, g);
  }
  rows.push_back(std::move(made));
  return activate(rows.size() - 1);
}

/// Makes a row active, unless it says nothing new; finds contradictions.
bool Refutation::activate(size_t index) {
  const Linear &e = rows[index].row.expression;
  if (rows[index].row.equality) {
    int64_t g = 0;
    for (int64_t k : e.coefficients)
      g = std::gcd(g, k);
    if (g == 0 ? e.constant == 0 : e.constant % g == 0) {
      if (g != 0)
        active.push_back(index);
      return true;
    }
    // g divides no solution: both directions, rounded, sum to less than 0.
    if (g == 0) {
      rows.push_back({{{{}, -std::abs(e.constant)}, false},
                      {{index, e.constant > 0 ? -1 : 1}},
                      1});
      // A sum of equalities stays an equality: a divisor turns it over.
      rows.back().divisor = std::abs(e.constant) + 1;
      rows.back().row.expression.constant = -1;
      contradiction = rows.size() - 1;
      return true;
    }
    size_t half[2];
    for (int side : {0, 1}) {
      auto scaled = combine(rows[index].row.expression, side ? -1 : 1, {}, 0);
      if (!scaled)
        return !(overflow = true);
      for (int64_t &k : scaled->coefficients)
        k /= g;
      scaled->constant = floorDiv(scaled->constant, g);
      half[side] = rows.size();
      rows.push_back({{*scaled, false}, {{index, side ? -1 : 1}}, g});
    }
    rows.push_back({{{{}, -1}, false}, {{half[0], 1}, {half[1], 1}}, 1});
    contradiction = rows.size() - 1;
    return true;
  }
  if (e.isConstant()) {
    if (e.constant < 0)
      contradiction = index;
    return true;
  }
  auto [known, isNew] = tightest.try_emplace(e.coefficients, index);
  if (!isNew) {
    if (rows[known->second].row.expression.constant <= e.constant)
      return true;
    std::erase(active, known->second);
    known->second = index;
  }
  active.push_back(index);
  // Opposite rows that leave no room.
  std::vector<int64_t> opposite = e.coefficients;
  for (int64_t &k : opposite)
    k = -k;
  auto other = tightest.find(opposite);
  if (other != tightest.end() &&
      rows[other->second].row.expression.constant + e.constant < 0)
    return derive({{index, 1}, {other->second, 1}});
  return true;
}

void Refutation::eliminate(size_t v) {
  std::vector<size_t> reading, rest;
  for (size_t index : active)
    (rows[index].row.expression.at(v) != 0 ? reading : rest).push_back(index);
  active = rest;
  for (size_t index : reading)
    if (!rows[index].row.equality)
      tightest.erase(rows[index].row.expression.coefficients);
  eliminated.emplace_back(v, reading);

  auto at = [&](size_t index) { return rows[index].row.expression.at(v); };
  auto equality =
      std::min_element(reading.begin(), reading.end(), [&](size_t a, size_t b) {
        return std::tuple(!rows[a].row.equality, std::abs(at(a))) <
               std::tuple(!rows[b].row.equality, std::abs(at(b)));
      });
  if (equality == reading.end())
    return;
  if (rows[*equality].row.equality) {
    int64_t a = at(*equality);
    for (size_t index : reading)
      if (index != *equality && contradiction == SIZE_MAX) {
        int64_t g = std::gcd(a, at(index));
        if (!derive({{index, std::abs(a) / g},
                     {*equality, (a > 0 ? -at(index) : at(index)) / g}}))
          return;
      }
    return;
  }
  for (size_t low : reading)
    for (size_t high : reading)
      if (at(low) > 0 && at(high) < 0 && contradiction == SIZE_MAX) {
        int64_t g = std::gcd(at(low), at(high));
        if (!derive({{low, -at(high) / g}, {high, at(low) / g}}))
          return;
      }
}

Refutation::Outcome Refutation::run() {
  for (size_t index = 0; index < numGiven; ++index) {
    // Given rows are reduced as if they were cuts of themselves.
    if (!derive({{index, 1}}))
      return GivenUp;
    if (contradiction != SIZE_MAX)
      return Refuted;
  }
  while (!active.empty()) {
    // The variable with the fewest new rows; exact steps first.
    std::optional<std::tuple<bool, int64_t, size_t>> best;
    for (size_t v = 0; v < numVariables; ++v) {
      int64_t lower = 0, upper = 0, largest = 0;
      bool unitEquality = false, equality = false;
      for (size_t index : active) {
        const Constraint &row = rows[index].row;
        int64_t k = row.expression.at(v);
        if (k == 0)
          continue;
        equality |= row.equality;
        unitEquality |= row.equality && std::abs(k) == 1;
        (k > 0 ? lower : upper) += 1;
        largest = std::max(largest, std::abs(k));
      }
      if (lower + upper == 0)
        continue;
      int64_t cost = unitEquality ? -1
                     : equality   ? lower + upper
                                  : lower * upper;
      std::tuple candidate(!unitEquality && largest > 1, cost, v);
      if (!best || candidate < *best)
        best = candidate;
    }
    eliminate(std::get<2>(*best));
    if (contradiction != SIZE_MAX)
      return Refuted;
    if (overflow || active.size() > 2000)
      return GivenUp;
  }
  return assign();
}

/// Values for the variables, last eliminated first: integers, or the variable
/// that has only fractions.
Refutation::Outcome Refutation::assign() {
  point.assign(numVariables, 0);
  for (size_t i = eliminated.size(); i-- > 0;) {
    auto &[v, bounds] = eliminated[i];
    int64_t low = INT64_MIN, high = INT64_MAX;
    for (size_t index : bounds) {
      const Constraint &row = rows[index].row;
      __int128 rest = row.expression.constant;
      for (size_t w = 0; w < row.expression.coefficients.size(); ++w)
        if (w != v)
          rest += (__int128)row.expression.coefficients[w] * point[w];
      if (rest > INT64_MAX / 2 || rest < INT64_MIN / 2)
        return GivenUp;
      int64_t k = row.expression.at(v), e = int64_t(rest);
      // k v + e >= 0
      if (k > 0 || row.equality)
        low = std::max(low, k > 0 ? -floorDiv(e, k) : -floorDiv(-e, -k));
      if (k < 0 || row.equality)
        high = std::min(high, k < 0 ? floorDiv(e, -k) : floorDiv(-e, k));
    }
    if (low > high) {
      variable = v;
      bound = high;
      return Branch;
    }
    // Close to 0, so that a counterexample reads well.
    point[v] = std::clamp<int64_t>(0, low, high);
  }
  return Integers;
}

std::string Refutation::proof() const {
  std::vector<bool> used(rows.size(), false);
  used[contradiction] = true;
  for (size_t i = rows.size(); i-- > numGiven;)
    if (used[i])
      for (auto [parent, factor] : rows[i].parents)
        used[parent] = true;
  std::string text;
  std::vector<size_t> number(rows.size());
  size_t next = numGiven;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Derived &row = rows[i];
    if (i < numGiven) {
      number[i] = i;
      continue;
    }
    if (!used[i])
      continue;
    if (row.parents.size() == 1 && row.parents[0].second == 1 &&
        row.divisor == 1 && i != contradiction) {
      number[i] = number[row.parents[0].first];
      continue;
    }
    number[i] = next++;
    text += "cut " + std::to_string(row.divisor);
    for (auto [parent, factor] : row.parents)
      text +=
          " " + std::to_string(number[parent]) + "*" + std::to_string(factor);
    text += "\n";
  }
  return text + "close\n";
}

static bool holds(const Formula &formula, const std::vector<int64_t> &point) {
  auto part = [&](const Formula &f) { return holds(f, point); };
  if (formula.kind == Formula::And)
    return std::all_of(formula.parts.begin(), formula.parts.end(), part);
  if (formula.kind == Formula::Or)
    return std::any_of(formula.parts.begin(), formula.parts.end(), part);
  __int128 value = formula.atom.expression.constant;
  for (size_t v = 0; v < formula.atom.expression.coefficients.size(); ++v)
    value += (__int128)formula.atom.expression.coefficients[v] * point[v];
  return formula.atom.equality ? value == 0 : value >= 0;
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
    Constraint row;
    row.expression.coefficients.assign(variable + 1, 0);
    row.expression.coefficients.back() = sign;
    row.expression.constant = sign < 0 ? bound : -bound - 1;
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
        holds({Formula::Or, {}, parts}, refutation.point))
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
  std::string text = "claim " + claim.kind + "\n";
  if (!claim.at.empty())
    text += "at " + claim.at + "\n";
  text += "mask " + claim.mask + "\n";
  for (const auto &[name, value] : claim.values)
    text += "let " + name + " = " + value + "\n";
  auto list = [&](const char *word, const std::vector<std::string> &lines) {
    for (const std::string &line : lines)
      text += std::string(word) + " " + line + "\n";
  };
  list("given", claim.given);
  list("key", claim.keys);
  list("ring", claim.rings);
  list("pinned", claim.pinned);
  list("range", claim.ranges);
  list("op", claim.ops);
  return text;
}

std::optional<std::string> heed::certificate::certify(const Claim &claim,
                                                      std::string &error) {
  std::optional<Problem> problem = contradiction(claim, error);
  if (!problem)
    return std::nullopt;
  Proof proof = prove(*problem);
  if (proof.steps)
    return print(claim) + "proof\n" + *proof.steps;
  error = "not proved";
  if (proof.counterexample) {
    error = "false";
    for (size_t v = 0; v < problem->variables.size(); ++v)
      if (problem->variables[v].compare(0, 5, "floor") != 0)
        error += (v ? ", " : " where ") + problem->variables[v] + " = " +
                 std::to_string((*proof.counterexample)[v]);
  }
  return std::nullopt;
}
