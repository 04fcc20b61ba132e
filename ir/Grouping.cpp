//===- Grouping.cpp - Heads that are computed together --------------------===//
#include "ir/Grouping.h"
#include "ir/Axes.h"

using namespace mlir;

namespace heed::attn {

int64_t headsOfTile(AttentionOp op) {
  if (op.getMask().dependsOnHead() ||
      (!op.getScore().empty() && !op.getScore().getArgument(3).use_empty()))
    return 1;
  Type k = op.getK().getType();
  auto cache = dyn_cast<CacheType>(k);
  int64_t kvHeads = cache
                        ? cache.getKvHeads()
                        : axisSize(k, axis::KvHeads, axisSize(k, axis::Heads));
  return axisSize(op.getQ().getType(), axis::Heads) / kvHeads;
}

} // namespace heed::attn
