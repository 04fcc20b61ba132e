//===- Claims.h - What the analyses found, as claims of a certificate -----===//
#pragma once

#include "passes/masks/CacheCapacity.h"
#include "passes/masks/Causality.h"
#include "passes/masks/RowCoverage.h"
#include "passes/masks/TileBounds.h"
#include "passes/masks/certificate/Checker.h"

namespace heed::masks {

/// The lines of a claim (certificate::Claim::parts) that an analysis stands
/// for, symbols called as in the MaskSet; nullopt where it proved nothing.
using Part = std::pair<std::string, std::string>;
using Parts = std::vector<Part>;

/// `ahead`: no key is later than its query.
std::optional<Parts> partsOf(const Causality &causality);
/// `cache`
std::optional<Parts> partsOf(const CacheCapacity &cache);
/// `rows`: keys of which each row may see one: its own, the first, or where a
/// range of `bounds` begins.
std::optional<Parts> partsOf(const RowCoverage &rows, const TileBounds &bounds);
/// `full`, and `needed`, which has those ranges and the partial ones.
Parts fullParts(const TileBounds &bounds);
Parts neededParts(const TileBounds &bounds);
/// `needed-exact` and `full-exact`: rows of a tile of which one may see a key,
/// or not; the first list is short, and mostly enough.
std::vector<Parts> rowParts(const MaskSet &mask);
/// `cache-exact`: a key, a time and a query where the numbers that `cache` says
/// are needed, perhaps.
std::vector<Parts> liveParts(const Parts &cache);

} // namespace heed::masks
