//===- AttentionTiling.cpp - Register tiles and scratch of an attention ---===//
#include "codegen/attention/AttentionTiling.h"
#include "codegen/AmxTiles.h"
#include "codegen/attention/KeySpans.h"
#include "codegen/attention/KeysInLanes.h"
#include "ir/Axes.h"
#include "ir/Bands.h"
#include "ir/Grouping.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace heed::attn {

/// Whether a tensor of bf16 is among the operands.
static bool hasBf16(ValueRange operands) {
  return llvm::any_of(operands.getTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getElementType().isBF16();
  });
}

AttentionTiling AttentionTiling::choose(AttentionOp op, TargetAttr target) {
  AttentionTiling tiling;
  int64_t lanes = tiling.lanes = target.getLanes();
  tiling.group = headsOfTile(op);
  int64_t head = axisSize(op.getQ().getType(), axis::Head),
          heads = axisSize(op.getQ().getType(), axis::Heads);
  AttentionScheduleAttr schedule = op.getScheduleAttr();
  // Pairs of features need an even head, and a vector of them.
  bool pairs = schedule && schedule.getAtom().getValue().contains("bf16") &&
               head % 2 == 0 && head >= lanes;
  tiling.fewKeysInF32 = pairs && !hasBf16({op.getQ(), op.getK(), op.getV()});
  tiling.atom = pairs ? schedule.getAtom().getValue() : "fma_f32";
  bool onTiles = tiling.onTiles();
  tiling.step = onTiles ? AmxTiles::kDepth : pairs ? 2 : 1;
  tiling.depth = onTiles ? llvm::alignTo(head, AmxTiles::kDepth) : head;
  // Three quarters of the registers are accumulators; the rest hold the rows'
  // vectors, a broadcast and temporaries. With all 16 taken the register
  // allocator starts to copy.
  int64_t accumulators = target.getRegisters() * 3 / 4;
  auto tileOf = [&](int64_t vectors, int64_t keys) {
    // For one vector: enough chains to hide the latency of an FMA, not more
    // code than that.
    int64_t keyTile = onTiles ? AmxTiles::kDepth
                              : std::min<int64_t>(accumulators / vectors, 16);
    return AttentionTile{vectors * lanes, keyTile, keyTile,
                         static_cast<int64_t>(llvm::alignTo(keys, keyTile))};
  };
  // A band wastes as many keys as a tile has queries: fewer queries then pay,
  // though each loads more keys.
  bool narrow = target.getRegisters() < 32 || isBanded(op);
  AttentionTile largest = tileOf(narrow ? 2 : 3, 128);
  if (schedule)
    largest = {std::max<int64_t>(schedule.getQueries() / lanes, 1) * lanes,
               schedule.getKeyTile(), schedule.getHeadTile(),
               static_cast<int64_t>(
                   llvm::alignTo(schedule.getKeys(), schedule.getKeyTile()))};
  tiling.keys = largest.keys;
  // More strips pack less, fewer leave more tiles to share among threads. A
  // narrow tile has few rows for keys and values that come from afar.
  if (target.getRegisters() < 32)
    tiling.strips = std::clamp<int64_t>(2048 / head, 8, 16);
  else if (pairs || hasBf16({op.getK(), op.getV()}))
    tiling.strips = (heads >= 8 ? 4 : 2) * (largest.rows > 2 * lanes ? 1 : 2);
  tiling.tiles.push_back(largest);
  for (int64_t vectors = largest.rows / lanes - 1; vectors > 0; --vectors)
    tiling.tiles.push_back(tileOf(vectors, largest.keys));
  // Few rows would leave most lanes of a vector idle. With an atom of bf16 that
  // pays for one query of each grouped head (decode) alone.
  int64_t group = tiling.group;
  if (head < lanes || group > lanes / 2 ||
      (pairs && hasBf16(op->getOperands())))
    return tiling;
  for (int64_t rows : {12l, 8l, 4l, 2l, 1l, group}) {
    bool forDecode = rows == group,
         forMore = !pairs && rows >= 2 * group && rows <= lanes;
    const AttentionTile &last = tiling.tiles.back();
    bool isThere = last.keysInLanes && last.rows == rows;
    if (!(forDecode || forMore) || isThere)
      continue;
    // A power of two, as a whole vector of keys is.
    int64_t keyTile = std::min<int64_t>(
        lanes, llvm::bit_floor<uint64_t>(accumulators /
                                         RowVectors(rows, lanes).vectors));
    int64_t features = std::max<int64_t>(accumulators / rows, 1) * lanes;
    tiling.tiles.push_back(
        {rows, keyTile, features,
         static_cast<int64_t>(llvm::alignTo(largest.keys, lanes)),
         /*keysInLanes=*/true});
  }
  return tiling;
}

SmallVector<int64_t> AttentionTiling::packedValues(int64_t head) const {
  if (onTiles())
    return {static_cast<int64_t>(llvm::alignTo(head, lanes)), keys};
  if (inPairs())
    return {keys / 2, 2 * head};
  // A key more than a block has: a panel is written a little further.
  int64_t width = tiles.front().headTile;
  return {llvm::divideCeilSigned(head, width) * (keys + 1), width};
}

ArrayRef<AttentionTile> AttentionTiling::rowTiles() const {
  return ArrayRef(tiles).take_while(
      [](const AttentionTile &tile) { return !tile.keysInLanes; });
}

AttentionScratch::AttentionScratch(AttentionOp op,
                                   const AttentionTiling &tiling) {
  int64_t rows = tiling.tiles.front().rows * 4,
          head = axisSize(op.getQ().getType(), axis::Head);
  int64_t element = tiling.inPairs() ? 2 : 4;
  int64_t queryBytes = tiling.depth * tiling.tiles.front().rows * element,
          packedBytes =
              tiling.isPacked() ? llvm::alignTo(tiling.keys, 32) * element : 0;
  for (const AttentionTile &tile : tiling.fewTiles()) {
    auto [steps, width] = RowVectors(tile.rows, tiling.lanes).sizes(head);
    queryBytes = std::max<int64_t>(queryBytes, steps * width * sizeof(float));
  }
  int64_t scoreBytes = 0;
  for (const AttentionTile &tile : tiling.tiles)
    scoreBytes = std::max(scoreBytes,
                          (tile.keys + (tile.keysInLanes ? tiling.lanes : 0)) *
                              tile.rows * 4);
  int64_t loops =
      op.getTileBounds() ? op.getTileBounds()->getLoops().size() : 1;
  bytes = 0;
  auto take = [&](int64_t size) {
    int64_t at = bytes;
    bytes += llvm::alignTo(size, 64);
    return at;
  };
  queries = take(queryBytes);
  out = take(llvm::alignTo(head, 16) * rows); // whole tiles of AMX
  m = take(rows);
  mx = take(rows);
  l = take(rows);
  // Weights of bf16 make long rows no worse than short ones.
  auto forLongRows = [&](int64_t size) {
    return take(tiling.inPairs() ? 0 : size);
  };
  total = forLongRows(head * rows);
  totalM = forLongRows(rows);
  totalL = forLongRows(rows);
  usesTotal = forLongRows(8);
  positions = take(rows);
  seen = take(tiling.fewKeysInF32 ? rows : 0);
  strip = bytes;
  bytes = tiling.strips * strip;
  wholeQueries = take(tiling.fewKeysInF32 ? head * rows : 0);
  scores = take(scoreBytes);
  bool packsKeys = tiling.inPairs() || hasBf16(op.getK());
  packedKeys = take(packsKeys ? packedBytes * tiling.depth : 0);
  int64_t values = 0;
  if (tiling.isPacked())
    values = llvm::product_of(tiling.packedValues(head)) * element;
  // A tile of AMX is written whole, a panel a vector further.
  packedValues = take(std::max<int64_t>(values + tiling.lanes * element,
                                        packedBytes * llvm::alignTo(head, 16)));
  alpha = take(rows);
  ranges = take((loops + 1) * 2 * 8);
  stripRanges = take((loops + 1) * 2 * 8);
  spans = bytes;
  if (const AttentionTile *few = tiling.fewRows())
    take(2 * SpanSlots(*few, head, tiling.lanes).regionBytes());
}

} // namespace heed::attn
