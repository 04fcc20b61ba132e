//===- AttnTileOps.cpp - What the tile ops check of themselves ------------===//
#include "ir/Attn.h"

using namespace mlir;
using namespace heed::attn;

/// Tiles of ops marked `attn.keys_in_lanes` are kept the other way round,
/// padded to whole vectors.
static bool isTurned(Operation *op) {
  return op->hasAttr("attn.keys_in_lanes");
}

/// C1: the tile is [head, R] for heads of the given [queries, G, head], in
/// whole vectors.
static LogicalResult checkTile(Operation *op, Value group, Value tile,
                               int64_t lanes) {
  auto tileType = cast<MemRefType>(tile.getType());
  auto groupType = cast<MemRefType>(group.getType());
  if (isTurned(op))
    return success();
  if (!tileType.hasStaticShape() || lanes <= 0 ||
      tileType.getDimSize(1) % lanes)
    return op->emitOpError()
           << "C1: the tile " << tileType << " is not in whole vectors of "
           << lanes << " lanes";
  bool pairs = tileType.getElementType().isBF16();
  if (groupType.isDynamicDim(1) ||
      (pairs ? tileType.getDimSize(0) * 2 < groupType.getDimSize(2)
             : tileType.getDimSize(0) != groupType.getDimSize(2)))
    return op->emitOpError() << "C1: the tile " << tileType
                             << " is not for heads of " << groupType;
  return success();
}

LogicalResult TileLoadQueriesOp::verify() {
  return checkTile(*this, getQ(), getQt(), getLanes());
}
LogicalResult TileStoreOp::verify() {
  return checkTile(*this, getOut(), getO(), getLanes());
}

LogicalResult TileScoresOp::verify() {
  MemRefType qt = getQt().getType(), k = getK().getType(), s = getS().getType(),
             mx = getMx().getType();
  bool turned = isTurned(*this), pairs = qt.getElementType().isBF16();
  bool isShort = k.getElementType().isBF16();
  if (pairs != bool(getAtom()) || (pairs ? !isShort : isShort && !turned))
    return emitOpError() << "C4: " << qt << " and " << k
                         << " are not what the atom multiplies";
  int64_t wide = pairs ? 2 : 1;
  if (!turned &&
      (!qt.hasStaticShape() || !s.hasStaticShape() || !mx.hasStaticShape() ||
       qt.getDimSize(0) * wide != k.getDimSize(1) ||
       qt.getDimSize(1) != s.getDimSize(1) * wide ||
       s.getDimSize(1) != mx.getDimSize(0)))
    return emitOpError() << "C1: " << qt << ", " << k << ", " << mx << " and "
                         << s << " do not fit";
  if (int64_t lanes = getLanes(), tile = getKeyTile();
      !turned && (lanes <= 0 || tile <= 0 || qt.getDimSize(1) % lanes ||
                  s.getDimSize(0) % tile))
    return emitOpError() << "C1: " << s << " is not in whole tiles of " << tile
                         << " keys by " << lanes << " lanes";
  for (auto [region, arguments, position] :
       {std::tuple(&getMap(), 3u, 1u), std::tuple(&getMask(), 2u, 0u)}) {
    if (region->empty())
      continue;
    if (region->getNumArguments() != arguments)
      return emitOpError(
          "the map region takes (score, q, kv), the mask region (q, kv)");
    if (!getPositions() && !region->getArgument(position).use_empty())
      return emitOpError("C2: a region uses q but no positions are given");
  }
  if (getFull().size() % 2)
    return emitOpError(
        "C3: `full` needs a lower and an upper bound for each range");
  return success();
}
