#include "passes/masks/Claims.h"

#include "llvm/Support/raw_ostream.h"

using namespace heed::masks;
using namespace mlir;

static std::string inWords(AffineExpr expr, ArrayRef<std::string> names) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printAffine(os, expr, {}, names);
  return text;
}

/// `kv >= a and kv < b and …`.
static std::string inWords(const KeyRange &range, ArrayRef<std::string> names) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (auto [map, sign] :
       {std::pair(range.lower, "kv >= "), std::pair(range.upper, "kv < ")})
    for (AffineExpr bound : map.getResults())
      os << (text.empty() ? "" : " and ") << sign << inWords(bound, names);
  if (range.guard)
    printSet(os << (text.empty() ? "" : " and "), *range.guard, {}, names);
  if (range.filter)
    printSet(os << (text.empty() ? "" : " and "), *range.filter, {"kv"}, names);
  return text.empty() ? "all" : text;
}

std::optional<Parts> heed::masks::partsOf(const Causality &causality) {
  if (causality.verdict != Verdict::Holds)
    return std::nullopt;
  return Parts{{"most", "0"}};
}

std::optional<Parts> heed::masks::partsOf(const CacheCapacity &cache) {
  if (!cache.bounded)
    return std::nullopt;
  Parts parts;
  // The first bound of each range: it alone may be more than the range, which
  // the claim does not mind.
  for (const KeyRange &range : cache.ring)
    parts.emplace_back("ring",
                       inWords(range.upper.getResult(0) - 1, cache.names));
  if (cache.ring.empty())
    parts.emplace_back("ring", "0");
  for (const KeyRange &range : cache.pinned)
    parts.emplace_back("pinned",
                       inWords(range.upper.getResult(0), cache.names));
  return parts;
}

std::optional<Parts> heed::masks::partsOf(const RowCoverage &rows,
                                          const TileBounds &bounds) {
  if (rows.verdict != Verdict::Holds)
    return std::nullopt;
  Parts parts = {{"key", "q"}, {"key", "0"}};
  // The first key of each range that a tile of the row needs.
  SmallVector<std::string> names(bounds.names);
  names[TileBounds::q0] = "q";
  names[TileBounds::q1] = "(q + 1)";
  for (const KeyRange &range : bounds.needed)
    for (AffineExpr first : range.lower.getResults())
      if (Part part = {"key", inWords(first, names)};
          !llvm::is_contained(parts, part))
        parts.push_back(part);
  return parts;
}

Parts heed::masks::neededParts(const TileBounds &bounds) {
  Parts parts = fullParts(bounds);
  for (const KeyRange &range : bounds.partial)
    parts.emplace_back("range", inWords(range, bounds.names));
  return parts;
}

Parts heed::masks::fullParts(const TileBounds &bounds) {
  Parts parts;
  for (const KeyRange &range : bounds.full)
    parts.emplace_back("range", inWords(range, bounds.names));
  return parts;
}
