//===- MaskCost.cpp - Pairs allowed, pairs visited, shares of threads -----===//
#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "passes/PairCounts.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/masks/EqualWork.h"

#include "llvm/Support/Format.h"

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
    int64_t queries = sizeOf(op.getQ(), op.getQAxis());
    int64_t keys =
        facts.keysReachTile() ? queries : sizeOf(op.getK(), op.getKvAxis());
    int64_t heads = axisSize(op.getQ().getType(), axis::Heads), tile = 48;
    if (AttentionScheduleAttr schedule = op.getScheduleAttr())
      tile = std::max<int64_t>(1, schedule.getQueries() / headsOfTile(op));
    std::optional<PairCounts> pairs =
        countPairs(op, facts, queries, keys, tile);
    if (!pairs)
      return;
    int64_t allowed = pairs->allowed, visited = 0;
    for (int64_t tilePairs : pairs->visited)
      visited += tilePairs;

    std::string text;
    llvm::raw_string_ostream os(text);
    os << "with " << queries << " queries and " << keys << " keys: " << allowed
       << " pairs allowed, " << visited << " visited in tiles of " << tile
       << " queries";
    if (allowed)
      os << llvm::format(", %.3f times the allowed", double(visited) / allowed);
    if (!facts.conditions().conditions.empty())
      os << ", before the tables are looked at";
    found(op, Name, text);
    if (visited == 0)
      return;
    // All heads, one after the other, as the kernel deals them.
    SmallVector<int64_t> all;
    for (int64_t h = 0; h < std::max<int64_t>(heads, 1); ++h)
      llvm::append_range(all, pairs->visited);
    text.clear();
    os << "work of the busiest of 2, 4, 8, 16, 32, 64 threads over the mean:";
    for (unsigned threads : {2, 4, 8, 16, 32, 64})
      os << llvm::format(" %.2f", masks::dealByMiddle(all, threads).imbalance);
    found(op, Name, text);
  }

  int64_t sizeOf(Value tensor, StringRef name) {
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    int64_t size = type ? axisSize(type, name) : ShapedType::kDynamic;
    return ShapedType::isDynamic(size) ? length : size;
  }
};
} // namespace
} // namespace heed
