//===- MaskCost.cpp - Pairs allowed, pairs visited, shares of threads -----===//
#include "ir/Axes.h"
#include "passes/PairCounts.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/masks/EqualWork.h"

#include "llvm/Support/Format.h"

#include <numeric>

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_MASKCOST
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "mask-cost";

struct MaskCost : impl::MaskCostBase<MaskCost> {
  using MaskCostBase::MaskCostBase;

  void runOnOperation() override {
    auto &analysis = getAnalysis<MaskAnalysis>();
    markAllAnalysesPreserved();
    getOperation()->walk([&](AttentionOp op) {
      MaskFacts *facts = analysis.known(op, Name);
      if (!facts)
        return;
      formula(op, *facts);
      figures(op, *facts);
    });
  }

  /// The closed formula of the number of allowed pairs.
  void formula(AttentionOp op, MaskFacts &facts) {
    std::string text = "allowed pairs of a head: ";
    llvm::raw_string_ostream os(text);
    facts.count().print(os);
    if (!facts.conditions().conditions.empty())
      os << ", less what the tables forbid";
    found(op, Name, text);
  }

  /// Visited over allowed pairs, and the balance between threads, for lengths
  /// that are known or `length`.
  void figures(AttentionOp op, MaskFacts &facts) {
    auto [queries, keys] = lengthsOf(op, facts, length);
    int64_t tile = queriesOfTile(op);
    // All heads, one after the other, as the kernel deals them.
    std::optional<PairCounts> all =
        countPairsOfHeads(op, facts, queries, keys, tile);
    if (!all)
      return;
    int64_t heads =
        std::max<int64_t>(1, axisSize(op.getQ().getType(), axis::Heads));
    int64_t visited =
        std::accumulate(all->visited.begin(), all->visited.end(), int64_t(0));
    // One head stands for all that are the same.
    int64_t same = variesByHead(op) ? 1 : heads;

    std::string text;
    llvm::raw_string_ostream os(text);
    os << "with " << queries << " queries and " << keys
       << " keys: " << (all->atMost ? "at most " : "") << all->allowed / same
       << " pairs allowed" << (same < heads ? " in all heads, " : ", ")
       << visited / same << " visited in tiles of " << tile << " queries";
    if (all->allowed)
      os << (all->atMost ? ", at least " : ", ")
         << llvm::format("%.3f times the allowed",
                         double(visited) / all->allowed);
    if (!facts.conditions().conditions.empty())
      os << ", before the tables are looked at";
    found(op, Name, text);
    if (visited == 0)
      return;
    text.clear();
    os << "work of the busiest of 2, 4, 8, 16, 32, 64 threads over the mean:";
    for (unsigned threads : {2, 4, 8, 16, 32, 64})
      os << llvm::format(" %.2f",
                         masks::dealByMiddle(all->visited, threads).imbalance);
    found(op, Name, text);
  }
};
} // namespace
} // namespace heed
