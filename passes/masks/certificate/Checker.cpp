#include "passes/masks/certificate/Checker.h"

#include <set>
#include <sstream>

using namespace heed::certificate;

static std::vector<std::string> splitText(const std::string &text,
                                          const std::string &separator) {
  std::vector<std::string> parts;
  size_t begin = 0, end;
  while ((end = text.find(separator, begin)) != std::string::npos) {
    parts.push_back(text.substr(begin, end - begin));
    begin = end + separator.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// `a; b .. c; d if e` as max(a, b) <= kv < min(c, d) and e, in the words of
/// masks.
static std::string rangeInWords(const std::string &range) {
  auto guarded = splitText(range, " if "), ends = splitText(guarded[0], " .. ");
  ends.resize(2);
  std::string text = guarded.size() > 1 ? "(" + guarded[1] + ")" : "all";
  for (const std::string &lower : splitText(ends[0], "; "))
    text += " and kv >= (" + lower + ")";
  for (const std::string &upper : splitText(ends[1], "; "))
    text += " and kv < (" + upper + ")";
  return text;
}

std::optional<Problem> heed::certificate::contradiction(const Claim &claim,
                                                        std::string &error) {
  Problem problem;
  Reader reader(problem);
  auto add = [&](const std::string &text, bool negated = false) {
    problem.add(reader.formula(text, negated));
  };
  for (const auto &[name, value] : claim.values)
    reader.defined[name] = reader.number(value);
  for (const std::string &given : claim.given)
    add(given);
  bool full = claim.kind == "full" && claim.ranges.size() == 1;
  if (claim.kind == "causal") {
    add("q >= 0 and kv > q");
    add(claim.mask);
  } else if (claim.kind == "cache") {
    add("0 <= kv < t and q >= t");
    for (const std::string &ring : claim.rings)
      add("kv < t - (" + ring + ")");
    for (const std::string &pinned : claim.pinned)
      add("kv >= " + pinned);
    add(claim.mask);
  } else if (claim.kind == "rows") {
    add("0 <= q < L");
    for (const std::string &key : claim.keys) {
      reader.defined["kv"] = reader.number(key);
      add("0 <= kv < L and (" + claim.mask + ")", true);
      reader.defined.erase("kv");
    }
  } else if (claim.kind == "needed" || full) {
    add("q0 <= q < q1 and 0 <= q0 and 0 <= kv < L");
    for (const std::string &range : claim.ranges)
      add(rangeInWords(range), !full);
    add(claim.mask, full);
  } else if (reader.error.empty()) {
    reader.error = "no such claim: " + claim.kind;
  }
  error = reader.error;
  return error.empty() ? std::optional(problem) : std::nullopt;
}

namespace {
struct Check {
  std::vector<std::string> lines;
  size_t next = 0;
  std::string error;

  /// The first error stays, with its line.
  bool require(bool good, const std::string &why) {
    if (!good && error.empty())
      error = "line " + std::to_string(next) + ": " + why;
    return error.empty();
  }

  /// Reads the proof that `problem` has no solution.
  void prove(Problem problem, unsigned depth) {
    auto &cases = problem.alternatives;
    while (require(depth <= 200, "too deep") &&
           require(next < lines.size(), "the proof ends too early")) {
      std::istringstream line(lines[next++]);
      std::string step;
      line >> step;
      if (step == "cut") {
        cut(problem.rows, line);
        continue;
      }
      if (step == "close") {
        Constraint last =
            problem.rows.empty() ? Constraint() : problem.rows.back();
        require(!last.equality && last.expression.isConstant() &&
                    last.expression.constant < 0,
                "the last row is no contradiction");
        return;
      }
      size_t number = cases.size();
      if (step == "branch")
        branch(problem, line);
      else if (require(step == "split", "no such step: `" + step + "`"))
        line >> number;
      if (!require(!line.fail() && number < cases.size(),
                   "no such alternative"))
        return;
      std::vector<Formula> parts = cases[number];
      cases.erase(cases.begin() + number);
      for (const Formula &part : parts) {
        Problem one = problem;
        one.add(part);
        if (error.empty())
          prove(std::move(one), depth + 1);
      }
      return;
    }
  }

  /// V <= K or V >= K + 1, as an alternative.
  void branch(Problem &problem, std::istringstream &line) {
    size_t variable = 0;
    int64_t bound = 0;
    line >> variable >> bound;
    if (!require(!line.fail() && variable < problem.variables.size() &&
                     bound > INT64_MIN + 1 && bound < INT64_MAX,
                 "no such variable or bound"))
      return;
    Linear below{std::vector<int64_t>(variable + 1), bound}, above = below;
    below.coefficients[variable] = -1;
    above.coefficients[variable] = 1;
    above.constant = -bound - 1;
    problem.alternatives.push_back(
        {{Formula::Atom, {below, false}}, {Formula::Atom, {above, false}}});
  }

  void cut(std::vector<Constraint> &rows, std::istringstream &line) {
    int64_t divisor = 0, factor;
    Constraint made{{}, true};
    std::vector<int64_t> &coefficients = made.expression.coefficients;
    int64_t &constant = made.expression.constant;
    size_t row;
    char star;
    line >> divisor;
    require(divisor >= 1, "a cut needs a divisor of at least 1");
    while (error.empty() && line >> row >> star >> factor) {
      if (!require(row < rows.size() && star == '*', "no such row") ||
          !require(factor >= 0 || rows[row].equality,
                   "an inequality times a negative number"))
        return;
      made.equality &= rows[row].equality;
      auto sum = combine(made.expression, 1, rows[row].expression, factor);
      require(sum.has_value(), "a number is too large");
      made.expression = sum.value_or(Linear());
    }
    if (!require(line.eof(), "a cut is `cut G R*M R*M ...`"))
      return;
    for (int64_t &coefficient : coefficients) {
      require(coefficient % divisor == 0,
              "the divisor does not divide the coefficients");
      coefficient /= divisor;
    }
    // An equality stays one only when nothing is rounded.
    made.equality &= constant % divisor == 0;
    constant = constant / divisor - (constant % divisor < 0);
    rows.push_back(made);
  }

  /// No op looks ahead, so (Theorem 2) neither do all together.
  void model(const Claim &claim,
             const std::multiset<std::string> &causalMasks) {
    require(!claim.ops.empty(), "a model without ops");
    for (const std::string &op : claim.ops) {
      std::istringstream line(op);
      std::string at, name, reads;
      int64_t by = 0;
      line >> at >> name >> reads >> by;
      require(reads == "same" ||
                  (reads == "shift" && !line.fail() && by <= 0) ||
                  (reads == "mask" && by > 0 &&
                   causalMasks.count(at) >= size_t(by)),
              "`" + op + "` is not shown to look at no later row");
    }
  }
};
} // namespace

CheckResult heed::certificate::check(const std::string &certificate) {
  CheckResult result;
  Check state;
  std::istringstream text(certificate);
  for (std::string line; std::getline(text, line);)
    state.lines.push_back(line);
  static const std::map<std::string, std::vector<std::string> Claim::*> lists =
      {{"given", &Claim::given},  {"key", &Claim::keys},
       {"ring", &Claim::rings},   {"pinned", &Claim::pinned},
       {"range", &Claim::ranges}, {"op", &Claim::ops}};
  std::multiset<std::string> causalMasks;
  std::optional<Claim> claim;
  while (state.next < state.lines.size() && state.error.empty()) {
    std::string line = state.lines[state.next++], why;
    std::string word = line.substr(0, line.find(' '));
    std::string rest = line.substr(std::min(word.size() + 1, line.size()));
    size_t equals = rest.find(" = ");
    if (line.empty())
      continue;
    if (word == "claim") {
      state.require(!claim, "the claim before has no proof");
      claim = Claim{.kind = rest};
    } else if (!state.require(claim.has_value(), "unexpected `" + line + "`")) {
    } else if (auto list = lists.find(word); list != lists.end()) {
      ((*claim).*list->second).push_back(rest);
    } else if (word == "mask" || word == "at") {
      (word == "at" ? claim->at : claim->mask) = rest;
    } else if (word == "let" && equals != std::string::npos) {
      claim->values.emplace_back(rest.substr(0, equals),
                                 rest.substr(equals + 3));
    } else if (state.require(word == "proof" || word == "tested",
                             "unexpected `" + line + "`")) {
      bool proved = word == "proof", isModel = claim->kind == "model";
      auto problem =
          isModel ? std::optional(Problem()) : contradiction(*claim, why);
      state.require(problem.has_value(), why);
      if (proved && isModel)
        state.model(*claim, causalMasks);
      else if (proved && problem)
        state.prove(*problem, 0);
      if (proved && claim->kind == "causal")
        causalMasks.insert(claim->at);
      ++(proved ? result.claims : result.tested);
      claim.reset();
    }
  }
  state.require(!claim, "the last claim has no proof");
  if (!state.error.empty()) // nothing after an error counts
    result = {0, 0, state.error};
  return result;
}
