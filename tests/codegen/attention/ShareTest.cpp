//===- ShareTest.cpp - Each thread's share of an attention, by its work ---===//
#include "tests/codegen/attention/Rules.h"

#include <catch2/catch.hpp>

#include <numeric>

using namespace heed::test;

// Which queries a thread computes is seen in what it writes; their allowed
// pairs are its work. Tiles are of 128 queries at most, and visit up to as many
// keys more than a query is allowed.
TEST_CASE("threads have equal work under any mask", "[attention]") {
  constexpr int64_t length = 3000, heads = 2, tile = 128;
  Rule blocks = masked(" : \"q - kv >= 0, q floordiv 256 - kv floordiv 256 == "
                       "0\"",
                       [](int64_t q, int64_t kv, int64_t) {
                         return kv <= q && q / 256 == kv / 256;
                       });
  blocks.bounds = "#attn.tile_bounds<exact = false, ["
                  "#attn.tile_loop<partial, from ()[s0, s1, s2] -> "
                  "(s0 floordiv 256 * 256) to ()[s0, s1, s2] -> (s1, s2)>]>";
  const Machine &machine = machines().back();
  if (!machine.runsHere())
    return;
  for (const Rule &rule : {causal(), window(300), blocks, all()}) {
    AttentionKernel kernel({Layout::HeadsMajor, heads, heads, 16}, rule,
                           machine);
    AttentionProblem problem(kernel, {{length, length}}, 1);
    // Allowed pairs of each query.
    std::vector<int64_t> work(length);
    for (int64_t q = 0; q < length; ++q)
      for (int64_t kv = 0; kv < length; ++kv)
        work[q] += rule.allows(q, kv, 0);
    int64_t most = *std::max_element(work.begin(), work.end());
    double mean =
        heads * double(std::accumulate(work.begin(), work.end(), int64_t(0)));
    for (int64_t threads : {2, 3, 8, 16, 64}) {
      std::vector<int64_t> owner = problem.owners(threads);
      std::vector<double> share(threads);
      bool inOrder = true;
      for (size_t i = 0; i < owner.size(); ++i) {
        REQUIRE(owner[i] >= 0);
        inOrder &= i == 0 || owner[i - 1] <= owner[i];
        share[owner[i]] += work[i % length];
      }
      CAPTURE(rule.mask, threads);
      CHECK(inOrder);
      double item = tile * (most + tile);
      CHECK(*std::max_element(share.begin(), share.end()) <=
            mean / threads * 1.02 + item);
      CHECK(*std::min_element(share.begin(), share.end()) >=
            mean / threads * 0.98 - item);
    }
  }
}
