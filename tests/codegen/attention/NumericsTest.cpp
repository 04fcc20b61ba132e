//===- NumericsTest.cpp - Attention keeps its error contracts -------------===//
//
// The error is counted against the sum of p |v| of its row.
// `heed-attention-tests
// "[numerics]" -s` prints what is measured; docs/numerics.md is made of that.
//
//===----------------------------------------------------------------------===//
#include "tests/codegen/attention/Rules.h"

#include <catch2/catch.hpp>

using namespace heed::test;

namespace {
struct Row {
  const char *name;
  Layout layout;
  Rule rule;
  int64_t head;
  Lengths lengths;
  double limit;
};

Rule everyEighth() {
  return asked(" : \"q - kv >= 0, (q - kv) mod 8 == 0\"",
               [](int64_t q, int64_t kv, int64_t) {
                 return kv <= q && (q - kv) % 8 == 0;
               });
}
/// Blocks of 8 x 8 of an image 32 wide.
Rule blocks() {
  return asked(" : \"q floordiv 256 - kv floordiv 256 == 0, (q mod 32) "
               "floordiv 8 - (kv mod 32) floordiv 8 == 0\"",
               [](int64_t q, int64_t kv, int64_t) {
                 return q / 256 == kv / 256 && q % 32 / 8 == kv % 32 / 8;
               });
}

std::vector<Row> rows() {
  std::vector<Row> all;
  auto add = [&](const char *name, const Rule &rule, int64_t head,
                 Lengths lengths) {
    all.push_back({name, Layout::HeadsMajor, rule, head, lengths, 5e-7});
  };
  for (int64_t head : {64, 80, 128, 256}) {
    // The first rows of a causal mask have few keys, so that nothing averages.
    add("causal", causal(), head, {200, 200});
    add("full", heed::test::all(), head, {20, 2048});
    // Rows that never see many keys: weight that lies on few of them shows
    // their scores' errors.
    add("window of 256", window(256), head, {1024, 1024});
    add("window of 64", window(64), head, {512, 512});
    add("every eighth key", everyEighth(), head, {800, 800});
    add("blocks in two dimensions", blocks(), head, {640, 640});
    add("documents of 300", causalDocuments(300), head, {700, 700});
  }
  for (int64_t head : {64, 128}) {
    add("causal", causal(), head, {640, 640});
    add("causal with sinks", sinks(causal()), head, {300, 300});
  }
  all.push_back(
      {"full", Layout::HeadsMajor, heed::test::all(), 64, {12, 65536}, 1e-6});
  all.push_back(
      {"full", Layout::HeadsMajor, heed::test::all(), 128, {12, 65536}, 1e-6});
  all.push_back(
      {"decode", Layout::RowsMajor, heed::test::all(), 64, {1, 2048}, 5e-7});
  all.push_back(
      {"decode", Layout::RowsMajor, heed::test::all(), 128, {1, 65536}, 1e-6});
  return all;
}
} // namespace

TEST_CASE("the error of f32 attention stays within the contract",
          "[numerics]") {
  for (const Machine &machine : machines()) {
    if (!machine.runsHere())
      continue;
    for (const Row &row : rows()) {
      AttentionKernel kernel({row.layout, 1, 1, row.head}, row.rule, machine);
      for (float mean : {0.f, 4.f}) {
        double worst = 0;
        for (unsigned seed = 1; seed <= (row.lengths.kv > 2048 ? 1 : 2);
             ++seed) {
          AttentionProblem problem(kernel, {row.lengths}, seed, /*huge=*/false,
                                   mean);
          worst = std::max(worst, problem.error(problem.run(1)));
        }
        INFO(machine.name << ", " << row.name << ", head " << row.head << ", "
                          << row.lengths.q << " x " << row.lengths.kv
                          << ", mean of V " << mean);
        CHECK(worst <= row.limit);
      }
    }
  }
}

TEST_CASE("the error of bf16 stays within the contract", "[numerics]") {
  for (auto [machine, schedule] : {std::pair(&bf16Machine(), kBf16Schedule),
                                   std::pair(&amxMachine(), kAmxSchedule)})
    for (bool tensors : {false, true}) {
      if (!machine->runsHere())
        continue;
      AttentionKernel kernel({Layout::HeadsMajor, 1, 1, 64, tensors, tensors},
                             all(), *machine, schedule);
      for (int64_t keys : {256, 2048}) {
        AttentionProblem problem(kernel, {{96, keys}}, 3, /*huge=*/false);
        INFO(machine->name << (tensors ? ", tensors of bf16, "
                                       : ", tensors of f32, ")
                           << keys << " keys");
        double error = problem.error(problem.run(1));
        CHECK(error <= 5e-3);
        CHECK(error > 1e-4); // f32 is for rows of few keys alone
      }
    }
}

// Where a row sees few keys, tensors of f32 are not rounded.
TEST_CASE("rows of few keys in bf16 stay within the contract", "[numerics]") {
  struct Case {
    const char *name;
    Shape shape;
    Rule rule;
    Lengths lengths;
  };
  auto shape = [](int64_t head, int64_t heads = 1, bool tensors = false) {
    return Shape{Layout::HeadsMajor, heads, 1, head, tensors, tensors};
  };
  std::vector<Case> cases{
      {"softcap", shape(64), softcap(causal()), {100, 100}},
      {"past", {Layout::Cached, 4, 2, 64}, causal(), {60, 0, 40}},
      {"window of 20", shape(64), window(20), {200, 200}},
      {"documents of 3", shape(64), causalDocuments(3), {300, 300}},
      {"documents of 150", shape(64), causalDocuments(150), {400, 400}},
      {"every eighth key", shape(64), everyEighth(), {300, 300}},
      {"two keys", shape(64), all(), {200, 2}},
  };
  for (bool tensors : {false, true}) {
    cases.push_back({"head 64", shape(64, 2, tensors), causal(), {200, 200}});
    cases.push_back({"head 80", shape(80, 2, tensors), causal(), {200, 200}});
    cases.push_back({"head 128", shape(128, 2, tensors), causal(), {200, 200}});
  }
  for (auto [machine, schedule] : {std::pair(&bf16Machine(), kBf16Schedule),
                                   std::pair(&amxMachine(), kAmxSchedule)}) {
    if (!machine->runsHere())
      continue;
    for (const Case &one : cases) {
      AttentionKernel kernel(one.shape, one.rule, *machine, schedule);
      for (unsigned seed : {5, 6}) {
        AttentionProblem problem(kernel, {one.lengths}, seed, /*huge=*/false);
        INFO(machine->name << ", " << one.name
                           << (one.shape.shortKeys ? ", tensors of bf16"
                                                   : ", tensors of f32"));
        CHECK(problem.error(problem.run(1)) <= 5e-3);
      }
    }
  }
}
