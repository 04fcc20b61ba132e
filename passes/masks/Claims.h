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

} // namespace heed::masks
