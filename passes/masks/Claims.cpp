#include "passes/masks/Claims.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;
using heed::certificate::Claim;

static std::string inWords(AffineExpr expr, ArrayRef<std::string> names) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printAffine(os, expr, {}, names);
  return text;
}

/// `a; b .. c; d if e`.
static std::string inWords(const KeyRange &range, ArrayRef<std::string> names) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto list = [&](AffineMap map) {
    llvm::interleave(
        map.getResults(), os, [&](AffineExpr e) { os << inWords(e, names); },
        "; ");
  };
  list(range.lower);
  os << " .. ";
  list(range.upper);
  if (range.guard || range.filter)
    os << " if ";
  if (range.guard)
    printSet(os, *range.guard, {}, names);
  if (range.guard && range.filter)
    os << " and ";
  if (range.filter)
    printSet(os, *range.filter, {"kv"}, names);
  return text;
}

Claims heed::masks::claimsOf(const Claim &base, const Causality &causality) {
  if (causality.verdict != Verdict::Holds)
    return {};
  Claim claim = base;
  claim.kind = "causal";
  return {claim};
}

Claims heed::masks::claimsOf(const Claim &base, const CacheCapacity &cache) {
  if (!cache.bounded)
    return {};
  Claim claim = base;
  claim.kind = "cache";
  // The first bound of each range: it alone may be more than the range, which
  // the claim does not mind.
  for (const KeyRange &range : cache.ring)
    claim.rings.push_back(inWords(range.upper.getResult(0) - 1, cache.names));
  for (const KeyRange &range : cache.pinned)
    claim.pinned.push_back(inWords(range.upper.getResult(0), cache.names));
  if (cache.ring.empty())
    claim.rings.push_back("0");
  return {claim};
}

Claims heed::masks::claimsOf(const Claim &base, const RowCoverage &rows) {
  if (rows.verdict != Verdict::Holds)
    return {};
  Claim claim = base;
  claim.kind = "rows";
  claim.keys = {"q", "0"};
  return {claim};
}

Claims heed::masks::claimsOf(const Claim &base, const TileBounds &bounds,
                             const TileOptions &options) {
  Claim common = base;
  if (options.maxQueries)
    common.given.push_back("q1 - q0 <= " + std::to_string(*options.maxQueries));
  if (options.keysReachTile)
    common.given.push_back("L >= q1");
  Claim needed = common;
  needed.kind = "needed";
  Claims claims;
  for (const KeyRange &range : bounds.full) {
    Claim full = common;
    full.kind = "full";
    full.ranges.push_back(inWords(range, bounds.names));
    needed.ranges.push_back(full.ranges.front());
    claims.push_back(full);
  }
  for (const KeyRange &range : bounds.partial)
    needed.ranges.push_back(inWords(range, bounds.names));
  claims.push_back(needed);
  return claims;
}
