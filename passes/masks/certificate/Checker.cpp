#include "passes/masks/certificate/Checker.h"

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
  std::vector<std::string> guarded = splitText(range, " if "),
                           ends = splitText(guarded[0], " .. ");
  std::string text = guarded.size() > 1 ? "(" + guarded[1] + ")" : "all";
  for (const std::string &lower : splitText(ends[0], "; "))
    text += " and kv >= (" + lower + ")";
  for (const std::string &upper :
       splitText(ends.size() > 1 ? ends[1] : "", "; "))
    text += " and kv < (" + upper + ")";
  return text;
}

std::optional<Problem> heed::certificate::contradiction(const Claim &claim,
                                                        std::string &error) {
  Problem problem;
  Reader reader(problem);
  auto add = [&](const std::string &text, bool negated = false) {
    std::optional<Formula> formula = reader.formula(text);
    if (formula && negated)
      formula = negate(*formula);
    if (formula)
      problem.add(*formula);
    else if (reader.error.empty())
      reader.error = "a number is too large";
  };
  for (const auto &[name, value] : claim.values)
    if (std::optional<Linear> number = reader.number(value))
      reader.define(name, *number);
  for (const std::string &given : claim.given)
    add(given);

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
      std::optional<Linear> kv = reader.number(key);
      reader.define("kv", kv);
      add("0 <= kv < L and (" + claim.mask + ")", true);
      reader.define("kv", std::nullopt);
    }
  } else if (claim.kind == "needed" ||
             (claim.kind == "full" && claim.ranges.size() == 1)) {
    bool full = claim.kind == "full";
    add("q0 <= q < q1 and 0 <= q0 and 0 <= kv < L");
    for (const std::string &range : claim.ranges)
      add(rangeInWords(range), !full);
    add(claim.mask, full);
  } else {
    error = "no such claim: " + claim.kind;
    return std::nullopt;
  }
  error = reader.error;
  return error.empty() ? std::optional(problem) : std::nullopt;
}

namespace {
struct Check {
  std::vector<std::string> lines;
  size_t next = 0;
  std::string error;

  bool fail(const std::string &why) {
    if (error.empty())
      error = "line " + std::to_string(next) + ": " + why;
    return false;
  }

  /// Reads the proof that `problem` has no solution.
  bool prove(Problem problem, unsigned depth) {
    if (depth > 200)
      return fail("too deep");
    while (next < lines.size()) {
      std::istringstream line(lines[next++]);
      std::string step;
      line >> step;
      if (step == "cut") {
        if (!cut(problem, line))
          return false;
      } else if (step == "close") {
        if (problem.rows.empty() ||
            !problem.rows.back().expression.isConstant() ||
            problem.rows.back().equality ||
            problem.rows.back().expression.constant >= 0)
          return fail("the last row is no contradiction");
        return true;
      } else if (step == "branch") {
        return branch(problem, line, depth);
      } else if (step == "split") {
        size_t number;
        if (!(line >> number) || number >= problem.alternatives.size())
          return fail("no such alternative");
        std::vector<Formula> parts = problem.alternatives[number];
        problem.alternatives.erase(problem.alternatives.begin() + number);
        for (const Formula &part : parts) {
          Problem one = problem;
          one.add(part);
          if (!prove(std::move(one), depth + 1))
            return false;
        }
        return true;
      } else {
        return fail("no such step: `" + step + "`");
      }
    }
    return fail("the proof ends too early");
  }

  bool cut(Problem &problem, std::istringstream &line) {
    int64_t divisor;
    if (!(line >> divisor) || divisor < 1)
      return fail("a cut needs a divisor of at least 1");
    Linear sum;
    bool equality = true;
    size_t row;
    int64_t factor;
    char star;
    while (line >> row >> star >> factor) {
      if (row >= problem.rows.size() || star != '*')
        return fail("no such row");
      equality &= problem.rows[row].equality;
      if (factor < 0 && !problem.rows[row].equality)
        return fail("an inequality times a negative number");
      std::optional<Linear> more =
          combine(sum, 1, problem.rows[row].expression, factor);
      if (!more)
        return fail("a number is too large");
      sum = *more;
    }
    if (!line.eof())
      return fail("a cut is `cut G R*M R*M ...`");
    for (int64_t &coefficient : sum.coefficients) {
      if (coefficient % divisor != 0)
        return fail("the divisor does not divide the coefficients");
      coefficient /= divisor;
    }
    // An equality stays one only when nothing is rounded.
    int64_t rest = ((sum.constant % divisor) + divisor) % divisor;
    sum.constant = (sum.constant - rest) / divisor;
    problem.rows.push_back({sum, equality && rest == 0});
    return true;
  }

  bool branch(const Problem &problem, std::istringstream &line,
              unsigned depth) {
    size_t variable;
    int64_t bound;
    if (!(line >> variable >> bound) || variable >= problem.variables.size() ||
        bound <= INT64_MIN + 1 || bound >= INT64_MAX)
      return fail("no such variable or bound");
    for (int64_t sign : {-1, 1}) {
      Constraint row;
      row.expression.coefficients.assign(variable + 1, 0);
      row.expression.coefficients[variable] = sign;
      row.expression.constant = sign < 0 ? bound : -bound - 1;
      Problem one = problem;
      one.rows.push_back(row);
      if (!prove(std::move(one), depth + 1))
        return false;
    }
    return true;
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
      {{"given", &Claim::given},
       {"key", &Claim::keys},
       {"ring", &Claim::rings},
       {"pinned", &Claim::pinned},
       {"range", &Claim::ranges}};
  Claim claim;
  bool open = false;
  while (state.next < state.lines.size() && state.error.empty()) {
    std::string line = state.lines[state.next++];
    if (line.empty())
      continue;
    size_t space = line.find(' ');
    std::string word = line.substr(0, space),
                rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (word == "claim") {
      if (open)
        state.fail("the claim before has no proof");
      claim = Claim{.kind = rest};
      open = true;
    } else if (word == "mask") {
      claim.mask = rest;
    } else if (auto list = lists.find(word); list != lists.end()) {
      (claim.*list->second).push_back(rest);
    } else if (size_t equals = rest.find(" = ");
               word == "let" && equals != std::string::npos) {
      claim.values.emplace_back(rest.substr(0, equals),
                                rest.substr(equals + 3));
    } else if (word == "proof" && open) {
      std::string why;
      std::optional<Problem> problem = contradiction(claim, why);
      if (!problem)
        state.fail(why);
      else if (state.prove(*problem, 0))
        ++result.claims;
      open = false;
    } else {
      state.fail("unexpected `" + line + "`");
    }
  }
  if (open && state.error.empty())
    state.fail("the last claim has no proof");
  result.error = state.error;
  return result;
}
