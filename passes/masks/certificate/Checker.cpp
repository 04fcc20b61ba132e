#include "passes/masks/certificate/Checker.h"

#include <algorithm>
#include <regex>
#include <sstream>

namespace heed::certificate {

bool readsOwnRow(const Step &step) {
  return isOneOf(
      step.name,
      "embed token_types positions rms_norm layer_norm linear rope mlp "
      "gated_mlp activation add residual multiply scale slice concat "
      "split_heads merge_heads attention l2_normalize logits");
}

/// What would be if a claim of a mask were false, and what is left of that by
/// each part $N of the claim ($M: the mask, $K and $R: at key or row $N, $A and
/// $O: what is said of rows, and of ops).
static const std::string Words =
    "[ahead] 0 <= q and $M [ahead most] kv > q + $N "
    "[behind] 0 <= kv and $M [behind most] q > kv + $N "
    "[cache] 0 <= kv < t and t <= q and $M "
    "[cache ring] kv < t - $N [cache pinned] kv >= $N "
    "[cache-exact] 0 <= kv < t and t <= q and $M "
    "[cache-exact ring] kv <= t - $N [cache-exact pinned] kv >= $N "
    "[rows] 0 <= q < q1 and 1 <= L and $A [rows key] not (0 <= $N < L and $K) "
    "[needed] 0 <= q0 <= q < q1 and 0 <= kv < L and $M [needed range] not $N "
    "[needed-exact] 0 <= q0 < q1 and 0 <= kv < L "
    "[needed-exact row] not (q0 <= $N < q1 and $R) "
    "[full] 0 <= q0 <= q < q1 and 0 <= kv < L and not $M "
    "[full-exact] 0 <= q0 < q1 and 0 <= kv < L [full-exact range] not $N "
    "[full-exact row] not (q0 <= $N < q1 and not $R) "
    "[aligned] 0 <= q < q_len and q_len <= L and 0 <= kv < L "
    "[aligned own] $M and kv > $N or not $K "
    "[kept] 0 <= q < kv and $M [kept first] kv >= $N "
    "[leak] $O and not (rule < mask and softmax == mask + 1) [";

std::vector<Claim> claimsOf(const Outline &model) {
  std::vector<Claim> claims;
  for (size_t m = Outline::FirstMask; m < model.masks.size(); ++m)
    for (const char *kind :
         {"ahead", "behind", "cache", "cache-exact", "rows", "needed",
          "needed-exact", "full", "full-exact", "aligned", "kept", "leak"})
      claims.push_back({kind, model.masks[m].title, m});
  for (size_t output = 0; output < model.outputs.size(); ++output)
    for (const char *kind : {"model", "reads"})
      claims.push_back({kind, model.outputs[output].first, output});
  return claims;
}

/// A row of the output depends on one too far ahead, or behind (`reads`). Row t
/// of a step depends on rows up to t + far where all that it reads does.
static Problem ofOutput(const Outline &model, const Claim &claim) {
  std::vector<int64_t> far, most = {0, INT32_MAX}; // of each step, and mask
  int64_t limit = 0, bounded = 1;
  for (const Parts &parts : {claim.base, claim.parts})
    for (const auto &[word, text] : parts) {
      const Linear number = Problem().read(text, true).number;
      require(number.size() == 1 && isOneOf(word, "mask most"), "no number");
      (word == "mask" ? most.emplace_back() : limit) = number[0];
    }
  require(limit == 0 || claim.kind == "reads", "unexpected most");
  for (const Step &step : model.outputs[claim.number].second) {
    far.push_back(step.reads.empty() ? 0 : INT64_MIN);
    for (auto [read, mask] : step.reads) {
      int64_t by = most.at(readsOwnRow(step) ? mask : Outline::Anything);
      bounded &= by < INT32_MAX;
      far.back() = std::max(far.back(), combine({far[read]}, 1, {by}, 1)[0]);
    }
  }
  Problem problem;
  problem.rows = {combine({far.back() - 1}, bounded, {limit}, -bounded)};
  return problem;
}

static std::string put(const std::string &name, const std::string &value,
                       const std::string &text) {
  return std::regex_replace(text, std::regex(name), value);
}

/// The words of the table, with those of the mask and of the part put in.
static std::string fill(const std::string &key, const Mask &mask,
                        const std::string &part) {
  const size_t at = Words.find("[" + key + "] ") + key.size() + 3;
  require(at > key.size() + 2, "unexpected " + key);
  std::string text = Words.substr(at, Words.find(" [", at) - at);
  const std::string allowed = "(" + mask.words + ")";
  text = put("\\$M", allowed, text);
  text = put("\\$K", put("\\bkv\\b", "$$N", allowed), text);
  text = put("\\$R", put("\\bq\\b", "$$N", allowed), text);
  text = put("\\$A", "(" + mask.assumed + ")", text);
  text = put("\\$O", "(" + mask.order + ")", text);
  return put("\\$N", part, text);
}

Problem contradiction(const Outline &model, const Claim &claim) {
  if (isOneOf(claim.kind, "model reads"))
    return ofOutput(model, claim);
  const Mask &mask = model.masks[claim.number];
  std::string all = fill(claim.kind, mask, ""), any = "0 == 1";
  for (const Parts &parts : {claim.base, claim.parts})
    for (const auto &[word, text] : parts) {
      Problem().read(text, word != "range"); // has a meaning alone
      // An entry of a table has one name: doc[q], not doc[(q)].
      bool isWord = std::all_of(text.begin(), text.end(), ::isalnum);
      const std::string n = isWord ? text : "(" + text + ")";
      if (claim.kind == "cache-exact" && isOneOf(word, "q kv t"))
        all = put("\\b" + word + "\\b", n, all); // it is so there
      else if (isOneOf(claim.kind + word, "fullrange needed-exactrange"))
        any += " or " + n;
      else
        all += " and (" + fill(claim.kind + " " + word, mask, n) + ")";
    }
  if (isOneOf(claim.kind, "full needed-exact"))
    all += " and (" + any + ")";
  const std::string given = "(" + mask.given + ") and ",
                    sign = claim.kind == "cache-exact" ? "not (" : "(";
  Problem problem;
  problem.add(problem.read(given + sign + all + ")"));
  return problem;
}

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

/// The text, line by line.
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
      if (isOneOf(word, "proof tested open failed"))
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
      size_t which = 0, variable = 0;
      int64_t bound = 0;
      if (step == "branch" && words >> variable >> bound &&
          variable < variables.size()) { // variable <= bound, or more
        Formula most{Formula::AtLeast0, Linear(variable + 2)};
        most.number[0] = bound;
        most.number.back() = -1;
        which = cases.size();
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

CheckResult check(const Outline &model, const std::string &text) {
  CheckResult result;
  Certificate certificate{std::istringstream(text)};
  try {
    std::map<std::string, Parts> bases; // by kind of claim
    for (Claim &claim : claimsOf(model)) {
      claim.base = bases[claim.kind];
      std::string verdict = certificate.readVerdict(claim);
      Problem problem = contradiction(model, claim);
      if (verdict == "proof")
        certificate.follow(problem, 0);
      bases[claim.kind + "-exact"] = claim.parts;
      bool isKnown = verdict == "proof" && claim.parts.size() == 1;
      if (isOneOf(claim.kind, "ahead behind"))
        bases[claim.kind == "ahead" ? "model" : "reads"].emplace_back(
            "mask", isKnown ? claim.parts[0].second : "2147483647");
      result.claims[verdict].push_back(claim);
      require(certificate.line().empty(), "expected an empty line");
    }
    require(certificate.text.peek() == EOF, "the model has no more claims");
  } catch (const std::domain_error &refused) {
    result = {{}, "line " + std::to_string(certificate.number) + ": "};
    result.error += refused.what();
  }
  return result;
}
} // namespace heed::certificate
