//===- AttentionTest.cpp - The attention kernel against plain f64 code ----===//
#include "tests/codegen/attention/AttentionProblem.h"

#include <catch2/catch.hpp>

using namespace heed::test;

namespace {
const char kCausalBounds[] = "#attn.tile_bounds<exact = true, ["
                             "#attn.tile_loop<full, from ()[s0, s1, s2] -> (0) "
                             "to ()[s0, s1, s2] -> (s0 + 1, s2)>, "
                             "#attn.tile_loop<partial, from ()[s0, s1, s2] -> "
                             "(s0 + 1) to ()[s0, s1, s2] -> (s1, s2)>]>";
const char kWindowBounds[] =
    "#attn.tile_bounds<exact = true, ["
    "#attn.tile_loop<partial, from ()[s0, s1, s2, s3] -> (0, s0 - s3 + 1)"
    " to ()[s0, s1, s2, s3] -> (s2, s0 + 1, s1 - s3)>, "
    "#attn.tile_loop<full, from ()[s0, s1, s2, s3] -> (0, s1 - s3) to ()[s0, "
    "s1, s2, s3] -> (s0 + 1, s2)>, "
    "#attn.tile_loop<partial, from ()[s0, s1, s2, s3] -> (s0 + 1, s0 - s3 + 1) "
    "to ()[s0, s1, s2, s3] -> (s1, s2)>]>";

Rule all() { return {}; }
Rule causal() {
  Rule rule;
  rule.mask = "#attn.mask<(q, kv) : \"q - kv >= 0\">";
  rule.allows = [](int64_t q, int64_t kv, int64_t) { return kv <= q; };
  rule.bounds = kCausalBounds;
  return rule;
}
Rule window(int64_t w) {
  Rule rule;
  rule.mask = "#attn.mask<(q, kv)[W] : \"q - kv >= 0, kv - q + W - 1 >= 0\">";
  rule.allows = [w](int64_t q, int64_t kv, int64_t) {
    return kv <= q && q - kv < w;
  };
  rule.symbols = {{"W", w}};
  rule.bounds = kWindowBounds;
  return rule;
}
Rule without(Rule rule) {
  rule.bounds.clear();
  return rule;
}
Rule softcap(Rule rule) {
  rule.score = "%c = arith.constant 3.0 : f32\n%x = arith.divf %s, %c : "
               "f32\n%t = math.tanh %x : f32\n"
               "%y = arith.mulf %t, %c : f32\nattn.yield %y : f32";
  rule.map = [](double s, int64_t, int64_t, int64_t) {
    return 3 * std::tanh(s / 3);
  };
  return rule;
}
/// s - slope[h] (q - kv)
Rule alibi(Rule rule, int64_t heads) {
  rule.table = {heads};
  rule.score = "%m = attn.lookup %table[%h] : !attn.weight<[" +
               std::to_string(heads) +
               "], f32>\n%d = arith.subi %q_, %kv_ : index\n%i = "
               "arith.index_cast %d : index to i32\n"
               "%f = arith.sitofp %i : i32 to f32\n%p = arith.mulf %m, %f : "
               "f32\n%y = arith.subf %s, %p : f32\n"
               "attn.yield %y : f32";
  rule.map = [](double s, int64_t, int64_t, int64_t) { return s; };
  return rule;
}
/// s + bias[h, q - kv]
Rule bias(Rule rule, int64_t heads) {
  rule.table = {heads, 12};
  rule.score =
      "%z = arith.constant 0 : index\n%l = arith.constant 11 : index\n%d = "
      "arith.subi %q_, %kv_ : index\n"
      "%u = arith.maxsi %d, %z : index\n%w = arith.minsi %u, %l : index\n"
      "%m = attn.lookup %table[%h, %w] : !attn.weight<[" +
      std::to_string(heads) +
      ", 12], f32>\n%y = arith.addf %s, %m : f32\nattn.yield %y : f32";
  rule.map = [](double s, int64_t, int64_t, int64_t) { return s; };
  return rule;
}
Rule sinks(Rule rule) {
  rule.sinks = true;
  return rule;
}
Rule masked(std::string text,
            std::function<bool(int64_t, int64_t, int64_t)> allows) {
  Rule rule;
  rule.mask = "#attn.mask<(q, kv)" + text + ">";
  rule.allows = std::move(allows);
  return rule;
}
Rule documents() {
  Rule rule;
  rule.mask =
      "#attn.mask<(q, kv)[a : doc[q], b_ : kdoc[kv]] : \"a - b_ == 0\">";
  rule.documents = true;
  return rule;
}

/// Runs the kernel on data of these lengths with 1 to 3 threads.
void check(const AttentionKernel &kernel, const std::vector<Lengths> &lengths,
           unsigned seed) {
  AttentionProblem problem(kernel, lengths, seed);
  INFO(kernel.name << " seed " << seed << " first lengths " << lengths[0].q
                   << " x " << lengths[0].kv << " past " << lengths[0].past);
  std::vector<float> out = problem.run(1);
  CHECK(problem.error(out) < 2e-6);
  for (int64_t threads : {2, 3}) {
    std::vector<float> other = problem.run(threads);
    bool equal =
        memcmp(out.data(), other.data(), out.size() * sizeof(float)) == 0;
    CHECK(equal);
  }
}

struct Case {
  Shape shape;
  Rule rule;
  std::vector<std::vector<Lengths>> calls;
};

void run(const std::vector<Case> &cases) {
  for (const Machine &machine : machines()) {
    if (!machine.runsHere()) {
      WARN("skipped: this CPU cannot run " << machine.name);
      continue;
    }
    for (const Case &one : cases) {
      AttentionKernel kernel(one.shape, one.rule, machine);
      for (unsigned seed = 0; seed < one.calls.size(); ++seed)
        check(kernel, one.calls[seed], seed + 1);
    }
  }
}

std::vector<Lengths> batch(int64_t n, int64_t q, int64_t kv) {
  return std::vector<Lengths>(n, {q, kv});
}
} // namespace

TEST_CASE("every tail of queries, keys and head", "[attention]") {
  std::vector<Case> cases;
  for (int64_t head : {8, 16, 64, 80, 100})
    cases.push_back({{Layout::HeadsMajor, 1, 1, head},
                     all(),
                     {batch(1, 1, 1), batch(2, 7, 5), batch(1, 16, 129),
                      batch(1, 33, 8), batch(1, 49, 300), batch(1, 100, 64)}});
  run(cases);
}

TEST_CASE("masks with and without tile bounds", "[attention]") {
  std::vector<std::vector<Lengths>> calls = {
      batch(1, 150, 150), batch(2, 40, 90), batch(1, 97, 30), batch(1, 3, 3)};
  Shape shape{Layout::HeadsMajor, 2, 2, 32};
  run({{shape, causal(), calls},
       {shape, without(causal()), calls},
       {shape, window(20), calls},
       {shape, window(1), calls},
       {shape, without(window(70)), calls},
       {shape,
        masked(" : \"(q - kv) mod 4 == 0, q - kv >= 0\" or \"q floordiv 3 - kv "
               "floordiv 3 == 0\"",
               [](int64_t q, int64_t kv, int64_t) {
                 return (kv <= q && (q - kv) % 4 == 0) || q / 3 == kv / 3;
               }),
        calls},
       {shape,
        masked(" : \"kv - q - 5 >= 0\"",
               [](int64_t q, int64_t kv, int64_t) { return kv >= q + 5; }),
        calls},
       {shape,
        masked("[h] : \"q * 2 - kv + h * 9 - 20 >= 0\"",
               [](int64_t q, int64_t kv, int64_t h) {
                 return 2 * q - kv + 9 * h - 20 >= 0;
               }),
        calls}});
}

TEST_CASE("grouped heads in every layout", "[attention]") {
  std::vector<Case> cases;
  for (Layout layout : {Layout::HeadsMajor, Layout::RowsMajor, Layout::Ragged,
                        Layout::Cached}) {
    std::vector<std::vector<Lengths>> calls = {batch(2, 37, 37),
                                               batch(1, 70, 70)};
    if (layout == Layout::Ragged)
      calls = {{{5, 5}, {0, 0}, {60, 60}, {1, 1}}, {{17, 90}, {1, 3}, {30, 2}}};
    if (layout == Layout::Cached)
      calls = {{{5, 0, 7}, {1, 0, 100}, {60, 0, 0}},
               {{1, 0, 0}},
               {{1, 0, 500}},
               {{33, 0, 64}, {2, 0, 1}}};
    cases.push_back({{layout, 6, 2, 24}, causal(), calls});
    cases.push_back({{layout, 9, 3, 16}, sinks(window(11)), calls});
  }
  run(cases);
}

TEST_CASE("score rules, tables and sinks", "[attention]") {
  std::vector<std::vector<Lengths>> calls = {batch(1, 60, 60),
                                             batch(2, 20, 33)};
  Shape grouped{Layout::RowsMajor, 4, 2, 32};
  run({{grouped, softcap(causal()), calls},
       {grouped, alibi(causal(), 4), calls},
       {grouped, bias(causal(), 4), calls},
       {grouped, sinks(all()), calls},
       {grouped, documents(), {batch(1, 60, 60), batch(2, 33, 33)}},
       {{Layout::Ragged, 2, 1, 16}, documents(), {{{40, 40}, {9, 9}}}}});
}
