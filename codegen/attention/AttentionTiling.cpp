//===- AttentionTiling.cpp - Register tiles and scratch of an attention ---===//
#include "codegen/attention/AttentionTiling.h"
#include "codegen/attention/KeySpans.h"
#include "ir/Axes.h"
#include "ir/Bands.h"
#include "ir/Grouping.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace heed::attn {

AttentionTiling AttentionTiling::choose(AttentionOp op, TargetAttr target) {
  AttentionTiling tiling;
  int64_t lanes = tiling.lanes = target.getLanes();
  tiling.group = headsOfTile(op);
  // Three quarters of the registers are accumulators; the rest hold the rows'
  // vectors, a broadcast and temporaries. With all 16 taken the register
  // allocator starts to copy.
  int64_t accumulators = target.getRegisters() * 3 / 4;
  auto tileOf = [&](int64_t vectors, int64_t keys) {
    // For one vector: enough chains to hide the latency of an FMA, not more
    // code than that.
    int64_t keyTile = std::min<int64_t>(accumulators / vectors, 16);
    return AttentionTile{vectors * lanes, keyTile, keyTile,
                         static_cast<int64_t>(llvm::alignTo(keys, keyTile))};
  };
  // A band wastes as many keys as a tile has queries: fewer queries then pay,
  // though each loads more keys.
  bool narrow = target.getRegisters() < 32 || isBanded(op);
  AttentionTile largest = tileOf(narrow ? 2 : 3, 128);
  if (AttentionScheduleAttr schedule = op.getScheduleAttr())
    largest = {std::max<int64_t>(schedule.getQueries() / lanes, 1) * lanes,
               schedule.getKeyTile(), schedule.getHeadTile(),
               static_cast<int64_t>(
                   llvm::alignTo(schedule.getKeys(), schedule.getKeyTile()))};
  tiling.tiles.push_back(largest);
  for (int64_t vectors = largest.rows / lanes - 1; vectors > 0; --vectors)
    tiling.tiles.push_back(tileOf(vectors, largest.keys));
  // One query of each grouped head: decode.
  if (axisSize(op.getQ().getType(), axis::Head) >= lanes &&
      tiling.group <= lanes / 2) {
    int64_t features =
        std::max<int64_t>(accumulators / tiling.group, 1) * lanes;
    int64_t keys = llvm::alignTo(largest.keys, lanes);
    tiling.tiles.push_back(
        {tiling.group, lanes, features, keys, /*keysInLanes=*/true});
  }
  return tiling;
}

AttentionScratch::AttentionScratch(AttentionOp op,
                                   const AttentionTiling &tiling) {
  int64_t rows = tiling.tiles.front().rows * 4,
          head = axisSize(op.getQ().getType(), axis::Head);
  int64_t scoreBytes = 0;
  for (const AttentionTile &tile : tiling.tiles)
    scoreBytes = std::max(scoreBytes, tile.keys * tile.rows * 4);
  int64_t loops =
      op.getTileBounds() ? op.getTileBounds()->getLoops().size() : 1;
  bytes = 0;
  auto take = [&](int64_t size) {
    int64_t at = bytes;
    bytes += llvm::alignTo(size, 64);
    return at;
  };
  scores = take(scoreBytes);
  queries = take(head * rows);
  out = take(head * rows);
  m = take(rows);
  mx = take(rows);
  l = take(rows);
  alpha = take(rows);
  total = take(head * rows);
  totalM = take(rows);
  totalL = take(rows);
  usesTotal = take(8);
  positions = take(rows);
  ranges = take((loops + 1) * 2 * 8);
  spans = bytes;
  if (const AttentionTile *few = tiling.fewRows())
    take(2 * SpanSlots(*few, head, tiling.lanes).regionBytes());
}

} // namespace heed::attn
