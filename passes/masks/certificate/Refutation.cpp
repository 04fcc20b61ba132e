#include "passes/masks/certificate/Refutation.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <tuple>

using namespace heed::certificate;

static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

Refutation::Refutation(const Problem &problem, unsigned &steps)
    : steps(steps), numVariables(problem.variables.size()),
      numOfProblem(problem.rows.size()) {
  for (size_t i = 0; i < problem.rows.size(); ++i) {
    const Linear &row = problem.rows[i];
    Row made{{row.begin() + 1, row.end()}, row[0]};
    if (i + 1 < problem.rows.size())
      made.equality = combine(row, -1, {0}, 0) == problem.rows[i + 1];
    rows.push_back({made, {}, 1, i});
    i += made.equality;
  }
  numGiven = rows.size();
}

bool Refutation::addTo(Row &row, const Row &other, int64_t k) {
  auto add = [&](int64_t &to, int64_t from) {
    return !__builtin_mul_overflow(from, k, &from) &&
           !__builtin_add_overflow(to, from, &to) && to != INT64_MIN;
  };
  std::vector<int64_t> &all = row.coefficients;
  all.resize(std::max(all.size(), other.coefficients.size()));
  bool fits = add(row.constant, other.constant);
  for (size_t v = 0; v < other.coefficients.size(); ++v)
    fits &= add(all[v], other.coefficients[v]);
  while (!all.empty() && all.back() == 0)
    all.pop_back();
  return fits;
}

bool Refutation::derive(std::vector<std::pair<size_t, int64_t>> parents) {
  Derived made;
  made.parents = std::move(parents);
  made.row.equality = true;
  for (auto [index, factor] : made.parents) {
    if (steps == 0 || !addTo(made.row, rows[index].row, factor)) {
      overflow = true;
      return false;
    }
    made.row.equality &= rows[index].row.equality;
  }
  --steps;
  int64_t g = 0;
  for (int64_t k : made.row.coefficients)
    g = std::gcd(g, k);
  if (g > 1 && !(made.row.equality && made.row.constant % g != 0)) {
    made.divisor = g;
    for (int64_t &k : made.row.coefficients)
      k /= g;
    made.row.constant = floorDiv(made.row.constant, g);
  }
  rows.push_back(std::move(made));
  return activate(rows.size() - 1);
}

/// An equality whose coefficients have a divisor g that its constant has not:
/// both directions, rounded, sum to less than 0. Without coefficients one
/// direction is enough.
void Refutation::refuteEquality(size_t index, int64_t g) {
  Row row = rows[index].row;
  if (g == 0) {
    int64_t side = row.constant > 0 ? -1 : 1;
    rows.push_back({{{}, side * row.constant}, {{index, side}}});
  } else {
    for (int64_t side : {1, -1}) {
      Row half{{}, floorDiv(side * row.constant, g)};
      for (int64_t k : row.coefficients)
        half.coefficients.push_back(side * k / g);
      rows.push_back({half, {{index, side}}, g});
    }
    rows.push_back({{{}, -1}, {{rows.size() - 2, 1}, {rows.size() - 1, 1}}});
  }
  contradiction = rows.size() - 1;
}

/// Makes a row active, unless it says nothing new; finds contradictions.
bool Refutation::activate(size_t index) {
  const Row &e = rows[index].row;
  if (e.equality) {
    int64_t g = 0;
    for (int64_t k : e.coefficients)
      g = std::gcd(g, k);
    if (g == 0 ? e.constant != 0 : e.constant % g != 0)
      refuteEquality(index, g);
    else if (g != 0)
      active.push_back(index);
    return true;
  }
  if (e.isConstant()) {
    if (e.constant < 0)
      contradiction = index;
    return true;
  }
  auto [known, isNew] = tightest.try_emplace(e.coefficients, index);
  if (!isNew) {
    if (rows[known->second].row.constant <= e.constant)
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
      rows[other->second].row.constant + e.constant < 0)
    return derive({{index, 1}, {other->second, 1}});
  return true;
}

void Refutation::eliminate(size_t v) {
  std::vector<size_t> reading, rest;
  for (size_t index : active)
    (rows[index].row.at(v) != 0 ? reading : rest).push_back(index);
  active = rest;
  for (size_t index : reading)
    if (!rows[index].row.equality)
      tightest.erase(rows[index].row.coefficients);
  eliminated.emplace_back(v, reading);

  auto at = [&](size_t index) { return rows[index].row.at(v); };
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
        const Row &row = rows[index].row;
        int64_t k = row.at(v);
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
      const Row &row = rows[index].row;
      __int128 rest = row.constant;
      for (size_t w = 0; w < row.coefficients.size(); ++w)
        if (w != v)
          rest += (__int128)row.coefficients[w] * point[w];
      if (rest > INT64_MAX / 2 || rest < INT64_MIN / 2)
        return GivenUp;
      int64_t k = row.at(v), e = int64_t(rest);
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
  // Which directions of each row are used: 1 of an equality is its negative.
  std::vector<std::array<bool, 2>> used(rows.size(), {false, false});
  used[contradiction][0] = true;
  for (size_t i = rows.size(); i-- > numGiven;)
    for (int side : {0, 1})
      for (auto [parent, factor] : rows[i].parents)
        used[parent][(factor < 0) != side] |= used[i][side];
  std::string text;
  std::vector<std::array<size_t, 2>> number(rows.size());
  size_t next = numOfProblem;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Derived &row = rows[i];
    if (i < numGiven) {
      number[i] = {row.given, row.given + 1};
      continue;
    }
    if (row.parents.size() == 1 && row.parents[0].second == 1 &&
        row.divisor == 1 && i != contradiction) {
      number[i] = number[row.parents[0].first];
      continue;
    }
    for (int side : {0, 1}) {
      if (!used[i][side])
        continue;
      number[i][side] = next++;
      text += "cut " + std::to_string(row.divisor);
      for (auto [parent, factor] : row.parents)
        text += " " + std::to_string(number[parent][(factor < 0) != side]) +
                "*" + std::to_string(std::abs(factor));
      text += "\n";
    }
  }
  return text;
}
