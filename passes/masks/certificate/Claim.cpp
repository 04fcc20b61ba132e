#include "passes/masks/certificate/Checker.h"

#include <algorithm>
#include <regex>
#include <set>

using namespace heed::certificate;

/// Steps that read the same row of what they are made of, but for the keys of
/// attention. Any other step may read anything.
static const std::set<std::string> RowSteps = {
    "embed",  "token_types", "positions",   "rms_norm",  "layer_norm",
    "linear", "rope",        "mlp",         "gated_mlp", "activation",
    "add",    "residual",    "multiply",    "scale",     "slice",
    "concat", "split_heads", "merge_heads", "attention", "l2_normalize",
    "logits"};

std::vector<Claim> heed::certificate::claimsOf(const Outline &model) {
  std::vector<Claim> claims;
  for (size_t m = Outline::FirstMask; m < model.masks.size(); ++m)
    for (const char *kind : {"ahead", "cache", "rows", "needed", "full"})
      claims.push_back({kind, model.masks[m].title, m});
  for (size_t output = 0; output < model.outputs.size(); ++output)
    claims.push_back({"model", model.outputs[output].first, output});
  return claims;
}

/// A row of the output depends on a later one. Row t of a step depends on rows
/// up to t + ahead if that holds for all that it reads: one breaks it.
static Problem looksAhead(const Outline &model, const std::vector<Step> &steps,
                          const std::vector<int64_t> &most) {
  std::vector<int64_t> ahead;
  std::set<std::string> broken;
  auto move = [&](int64_t from, size_t by, int64_t to) {
    broken.insert("0 <= q and 0 <= kv and source <= kv + " +
                  std::to_string(from) + " and source > q + " +
                  std::to_string(to) + " and (" + model.masks[by].given +
                  ") and (" + model.masks[by].words + ")");
  };
  for (const Step &step : steps) {
    int64_t to = step.reads.empty() ? 0 : INT64_MIN;
    std::vector<std::pair<int64_t, size_t>> reads;
    for (auto [read, by] : step.reads) {
      by = RowSteps.count(step.name) ? by : Outline::Anything;
      reads.emplace_back(ahead[read], by);
      to = std::max(to, combine({ahead[read]}, 1, {most[by]}, 1)[0]);
    }
    for (auto [from, by] : reads)
      move(from, by, to);
    ahead.push_back(to);
  }
  move(ahead.back(), Outline::SameRow, 0);
  Problem problem;
  problem.alternatives.emplace_back();
  for (const std::string &text : broken)
    problem.alternatives[0].push_back(problem.read(text));
  return problem;
}

Problem heed::certificate::contradiction(const Outline &model,
                                         const Claim &claim) {
  if (claim.kind == "model") {
    std::vector<int64_t> most = {0, INT32_MAX}; // of each mask
    for (const auto &[word, text] : claim.parts)
      most.push_back(Problem().read(text, true).number[0]);
    most.resize(model.masks.size(), INT32_MAX);
    return looksAhead(model, model.outputs[claim.number].second, most);
  }
  const Mask &mask = model.masks[claim.number];
  const std::string allowed = " and (" + mask.words + ")",
                    tile = "0 <= q0 <= q < q1 and 0 <= kv < L";
  const std::map<std::string, std::string> frames = {
      {"ahead", "0 <= q" + allowed},
      {"cache", "0 <= kv < t and t <= q" + allowed},
      {"rows", "0 <= q < q1 and 1 <= L"},
      {"needed", tile + allowed},
      {"full", tile + " and not (" + mask.words + ")"}};
  Problem problem;
  std::vector<Formula> ranges;
  problem.add(problem.read(mask.given));
  problem.add(problem.read(frames.at(claim.kind)));
  const std::regex key("\\bkv\\b");
  for (const auto &[word, text] : claim.parts) {
    Problem().read(text, word != "range"); // has a meaning alone
    std::string part = claim.kind + " " + word, n = "(" + text + ")",
                atKey = std::regex_replace("0 <= kv < L" + allowed, key, n);
    const std::map<std::string, std::string> left = {
        {"ahead most", "kv > q + " + n}, {"cache ring", "kv < t - " + n},
        {"cache pinned", "kv >= " + n},  {"rows key", "not (" + atKey + ")"},
        {"needed range", "not " + n},    {"full range", n}};
    require(left.count(part), "unexpected " + part);
    Formula formula = problem.read(left.at(part));
    if (part == "full range")
      ranges.push_back(formula);
    else
      problem.add(formula);
  }
  if (claim.kind == "full")
    problem.alternatives.push_back(ranges);
  return problem;
}
