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

/// The same mask with queries for keys.
static MaskSet transposed(const MaskSet &mask) {
  auto swapped = [](IntegerUnion set) {
    auto swap = [](Row &row) {
      row.resize(std::max<size_t>(row.size(), 2));
      std::swap(row[0], row[1]);
    };
    for (Conjunct &c : set.disjuncts) {
      for (FloorDiv &division : c.divisions)
        swap(division.dividend);
      for (Row &row : c.equalities)
        swap(row);
      for (Row &row : c.inequalities)
        swap(row);
    }
    return set;
  };
  return MaskSet::between(mask.getContext(), mask.getSymbols(),
                          swapped(mask.atLeast()), swapped(mask.atMost()),
                          mask.whyNotExact());
}

std::vector<Parts> heed::masks::rowParts(const MaskSet &mask) {
  Parts parts = {{"row", "q0"}, {"row", "q1 - 1"}, {"row", "kv"}};
  std::vector<Parts> all = {parts};
  auto add = [&](const std::string &row) {
    if (Part part = {"row", row}; !llvm::is_contained(parts, part))
      parts.push_back(part);
  };
  // The first row that sees a key, and the first of a tile at its stride.
  TileBounds rows = computeTileBounds(transposed(mask));
  SmallVector<std::string> names(rows.names);
  names[TileBounds::q0] = "kv";
  names[TileBounds::q1] = "(kv + 1)";
  for (const KeyRange &range : rows.needed)
    for (AffineExpr first : range.lower.getResults())
      add(inWords(first, names));
  add("q0 + 1");
  for (const Conjunct &c : mask.atMost().disjuncts)
    for (const FloorDiv &division : c.divisions)
      add("q0 + (kv - q0) mod " + std::to_string(division.denominator));
  if (parts.size() > all[0].size())
    all.push_back(parts);
  return all;
}

std::vector<Parts> heed::masks::liveParts(const Parts &cache) {
  std::vector<std::string> rings, keys;
  for (const auto &[word, text] : cache)
    (word == "ring" ? rings : keys).push_back("(" + text + ")");
  keys.push_back("0");
  std::vector<Parts> all;
  for (const std::string &ring : rings)
    for (const std::string &key : keys)
      all.push_back(
          {{"kv", key}, {"t", key + " + " + ring}, {"q", key + " + " + ring}});
  return all;
}
