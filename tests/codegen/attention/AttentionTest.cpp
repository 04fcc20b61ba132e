//===- AttentionTest.cpp - The attention kernel against plain f64 code ----===//
#include "tests/codegen/attention/Rules.h"

#include <catch2/catch.hpp>

using namespace heed::test;

namespace {
/// Runs the kernel on data of these lengths with 1 to 7 threads.
void check(const AttentionKernel &kernel, const std::vector<Lengths> &lengths,
           unsigned seed, double tolerance = 2e-6) {
  AttentionProblem problem(kernel, lengths, seed);
  INFO(kernel.name << " seed " << seed << " first lengths " << lengths[0].q
                   << " x " << lengths[0].kv << " past " << lengths[0].past);
  std::vector<float> out = problem.run(1);
  CHECK(problem.error(out) < tolerance);
  for (int64_t threads : {2, 3, 7}) {
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

void checkAll(const Case &one, const Machine &machine, double tolerance,
              const std::string &schedule = "") {
  AttentionKernel kernel(one.shape, one.rule, machine, schedule);
  for (unsigned seed = 0; seed < one.calls.size(); ++seed)
    check(kernel, one.calls[seed], seed + 1, tolerance);
}

/// Tensors of f32, and of bf16 where keys are no cache.
void run(const std::vector<Case> &cases) {
  for (const Machine &machine : machines()) {
    if (!machine.runsHere()) {
      WARN("skipped: this CPU cannot run " << machine.name);
      continue;
    }
    int turn = 0;
    for (Case one : cases) {
      ++turn;
      // Emulated code takes its time to compile: one kind of tensors of every
      // other case.
      auto isTurn = [&](int kind) {
        return machine.isHere() || turn % 6 == 2 * kind;
      };
      if (isTurn(0))
        checkAll(one, machine, 2e-6);
      // What is multiplied is f32: only an output of bf16 is rounded, once.
      bool isCached = one.shape.layout == Layout::Cached;
      one.shape.shortKeys = !isCached;
      if (!isCached && isTurn(1))
        checkAll(one, machine, 2e-6);
      one.shape.shortQueries = true;
      one.shape.shortKeys = turn % 2 && !isCached;
      if (isTurn(2))
        checkAll(one, machine, 4e-3);
    }
  }
  // Inputs of f32 are rounded first: a key that alone has weight (a value of
  // 1e30) then has the error of its score, which grows with the score.
  for (auto [machine, schedule] : {std::pair(&bf16Machine(), kBf16Schedule),
                                   std::pair(&amxMachine(), kAmxSchedule)}) {
    if (!machine->runsHere()) {
      WARN("skipped: this CPU cannot run " << machine->name);
      return;
    }
    int turn = machine == &bf16Machine() ? 0 : 1;
    for (Case one : cases) {
      // Emulated, every third case, in turns.
      if (++turn % 3 && !machine->isHere())
        continue;
      bool isShort = turn % 2 && one.shape.layout != Layout::Cached;
      one.shape.shortQueries = one.shape.shortKeys = isShort;
      checkAll(one, *machine, isShort ? 8e-3 : 3e-2, schedule);
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
    cases.push_back(
        {{Layout::HeadsMajor, 1, 1, head},
         all(),
         {batch(1, 1, 1), batch(2, 1, 150), batch(2, 7, 5), batch(1, 16, 129),
          batch(1, 33, 8), batch(1, 49, 300), batch(1, 100, 64)}});
  run(cases);
}

TEST_CASE("few queries, with keys that fill no vector and more",
          "[attention]") {
  std::vector<std::vector<Lengths>> calls;
  for (int64_t queries = 2; queries <= 14; ++queries)
    calls.push_back(batch(1, queries, 3 * queries + 7 * (queries % 4)));
  for (int64_t keys : {7, 15, 16, 17, 31, 140, 300})
    calls.push_back(batch(1, keys % 9 + 4, keys));
  // Spans that a block of keys does not fill.
  calls.push_back(batch(1, 9, 4500));
  run({{{Layout::HeadsMajor, 1, 1, 100}, all(), calls},
       {{Layout::RowsMajor, 3, 1, 32}, sinks(causal()), calls},
       {{Layout::HeadsMajor, 2, 1, 80}, window(20), calls},
       {{Layout::HeadsMajor, 2, 2, 33}, softcap(causal()), calls}});
}

TEST_CASE("masks with and without tile bounds", "[attention]") {
  std::vector<std::vector<Lengths>> calls = {batch(1, 150, 150),
                                             batch(2, 40, 90), batch(1, 97, 30),
                                             batch(1, 3, 3), batch(2, 1, 200)};
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

TEST_CASE("key tiles that are asked for", "[attention]") {
  std::vector<std::vector<Lengths>> calls = {
      batch(1, 150, 150), batch(2, 40, 300), batch(2, 1, 400)};
  std::vector<std::vector<Lengths>> cached = {
      {{5, 0, 7}, {1, 0, 100}, {200, 0, 0}},
      {{1, 0, 3000}},
      {{33, 0, 264}, {2, 0, 1}}};
  Shape shape{Layout::HeadsMajor, 2, 2, 32}, ofCache{Layout::Cached, 4, 2, 16};
  Rule stride = asked(" : \"q - kv >= 0, (q - kv) mod 100 == 0\"",
                      [](int64_t q, int64_t kv, int64_t) {
                        return kv <= q && (q - kv) % 100 == 0;
                      }),
       windows = asked(" : \"q floordiv 70 - kv floordiv 70 == 0, (q mod 14) "
                       "floordiv 7 - (kv mod 14) floordiv 7 == 0\"",
                       [](int64_t q, int64_t kv, int64_t) {
                         return q / 70 == kv / 70 && q % 14 / 7 == kv % 14 / 7;
                       }),
       columns = asked(" : \"q floordiv 40 - kv floordiv 40 == 0\" or \"q mod "
                       "40 - kv mod 40 == 0\"",
                       [](int64_t q, int64_t kv, int64_t) {
                         return q / 40 == kv / 40 || q % 40 == kv % 40;
                       });
  run({{shape, windows, calls},
       {shape, columns, calls},
       {ofCache, stride, cached}});
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
  std::vector<std::vector<Lengths>> calls = {batch(1, 60, 60), batch(2, 20, 33),
                                             batch(3, 1, 70)};
  Shape grouped{Layout::RowsMajor, 4, 2, 32};
  run({{grouped, softcap(causal()), calls},
       {grouped, alibi(causal(), 4), calls},
       {grouped, bias(causal(), 4), calls},
       {grouped, sinks(all()), calls},
       {grouped,
        documents(),
        {batch(1, 60, 60), batch(2, 33, 33), batch(9, 1, 1)}},
       {{Layout::Ragged, 2, 1, 16},
        documents(),
        {{{40, 40}, {9, 9}, {1, 1}}}}});
}

TEST_CASE("rules by distance, of several heads", "[attention]") {
  std::vector<std::vector<Lengths>> calls = {
      batch(2, 61, 61),  batch(1, 50, 150), batch(1, 17, 140),
      batch(1, 12, 200), batch(1, 7, 33),   batch(1, 3, 140)};
  std::vector<std::vector<Lengths>> cached = {
      {{5, 0, 7}, {1, 0, 100}, {60, 0, 3}}, {{33, 0, 164}, {2, 0, 1}}};
  // Scores that grow with the distance lose digits by themselves.
  std::vector<std::vector<Lengths>> near = {
      {{5, 0, 7}, {1, 0, 30}, {20, 0, 3}}};
  Shape grouped{Layout::RowsMajor, 4, 2, 16}, ofCache{Layout::Cached, 4, 2, 16};
  run({{grouped, bias(all(), 4), calls},
       {{Layout::HeadsMajor, 1, 1, 33},
        byDistanceAndPosition(window(40)),
        calls},
       {grouped, byDistanceAndPosition(causal()), calls},
       {ofCache, bias(causal(), 4), cached},
       {ofCache, alibi(causal(), 4), near}});
}

TEST_CASE("tables, sorted or not", "[attention]") {
  std::vector<std::vector<Lengths>> calls = {
      batch(1, 150, 150), batch(2, 40, 40), batch(1, 1, 1), batch(3, 97, 97)};
  Shape shape{Layout::RowsMajor, 4, 2, 16};
  Rule documents = causalDocuments(20);
  Rule notPadding =
      causalWith("b_ - 2 >= 0", [](int32_t, int32_t kv) { return kv >= 2; });
  Rule earlier = causalWith("a - 2 * b_ + 1 >= 0", [](int32_t q, int32_t kv) {
    return q - 2 * kv + 1 >= 0;
  });
  Rule byQuery =
      causalWith("a - 1 == 0", [](int32_t q, int32_t) { return q == 1; });
  std::vector<Case> cases;
  for (const Rule &rule : {documents, notPadding, earlier, byQuery})
    for (std::function<int32_t(int64_t)> table :
         {std::function<int32_t(int64_t)>(
              [](int64_t i) { return int32_t(i / 33); }),
          std::function<int32_t(int64_t)>(
              [](int64_t i) { return int32_t(4 - i / 33); }),
          std::function<int32_t(int64_t)>(
              [](int64_t i) { return int32_t(i * 7 % 5); })})
      cases.push_back({shape, withTable(rule, table), calls});
  cases.push_back({{Layout::Ragged, 2, 1, 16},
                   documents,
                   {{{40, 40}, {9, 9}, {1, 1}, {70, 70}}}});
  run(cases);
}

TEST_CASE("keys of other documents are not visited", "[attention]") {
  for (const Machine &machine : machines()) {
    if (!machine.runsHere())
      continue;
    // Tiles of 48, 32 or 16 queries all divide documents of 96.
    AttentionKernel kernel({Layout::HeadsMajor, 1, 1, 16}, causalDocuments(96),
                           machine);
    AttentionProblem problem(kernel, batch(1, 384, 384), 4, /*huge=*/false);
    problem.poison(0, 96);
    problem.poison(288, 384);
    std::vector<float> out = problem.run(2);
    INFO(machine.name);
    auto isNan = [](float x) { return std::isnan(x); };
    CHECK(std::all_of(out.begin(), out.begin() + 96 * 16, isNan));
    CHECK(std::none_of(out.begin() + 96 * 16, out.begin() + 288 * 16, isNan));
    CHECK(std::all_of(out.begin() + 288 * 16, out.end(), isNan));
  }
}
