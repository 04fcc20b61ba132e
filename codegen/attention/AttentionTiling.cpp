//===- AttentionTiling.cpp - Register tiles and scratch of an attention ---===//
#include "codegen/attention/AttentionTiling.h"
#include "ir/Axes.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace heed::attn {

AttentionTiling AttentionTiling::choose(AttentionOp op, TargetAttr target) {
  AttentionTiling tiling;
  tiling.lanes = target.getLanes();
  // Accumulators of a register tile; the rest of the registers hold the rows'
  // vectors, a broadcast and temporaries.
  int64_t accumulators = target.getRegisters() * 3 / 4;
  auto tileOf = [&](int64_t vectors, int64_t keys) {
    // One vector: enough chains to hide the latency of an FMA, not more code
    // than that.
    int64_t perVector = std::min<int64_t>(accumulators / vectors, 16) / 4 * 4;
    int64_t keyTile = std::max<int64_t>(perVector, 2);
    return AttentionTile{vectors, keyTile, keyTile,
                         static_cast<int64_t>(llvm::alignTo(keys, keyTile))};
  };
  AttentionTile largest = tileOf(3, 128);
  if (AttentionScheduleAttr schedule = op.getScheduleAttr())
    largest = {std::max<int64_t>(schedule.getQueries() / tiling.lanes, 1),
               schedule.getKeyTile(), schedule.getHeadTile(),
               static_cast<int64_t>(
                   llvm::alignTo(schedule.getKeys(), schedule.getKeyTile()))};
  tiling.tiles.push_back(largest);
  for (int64_t vectors = largest.vectors - 1; vectors > 0; --vectors)
    tiling.tiles.push_back(tileOf(vectors, largest.keys));
  return tiling;
}

AttentionScratch::AttentionScratch(AttentionOp op,
                                   const AttentionTiling &tiling) {
  int64_t rows = tiling.tiles.front().vectors * tiling.lanes * 4,
          head = axisSize(op.getQ().getType(), axis::Head);
  int64_t scoreBytes = 0;
  for (const AttentionTile &tile : tiling.tiles)
    scoreBytes =
        std::max(scoreBytes, tile.keys * tile.vectors * tiling.lanes * 4);
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
  positions = take(rows);
  ranges = take((loops + 1) * 2 * 8);
}

} // namespace heed::attn
