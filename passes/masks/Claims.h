//===- Claims.h - What the analyses found, as claims of a certificate -----===//
#pragma once

#include "passes/masks/CacheCapacity.h"
#include "passes/masks/Causality.h"
#include "passes/masks/RowCoverage.h"
#include "passes/masks/TileBounds.h"
#include "passes/masks/certificate/Checker.h"

namespace heed::masks {

/// Each function gives the claims that its analysis stands for; none where it
/// proved nothing. `base` has the mask in the model file's words, the values of
/// its names and what is given of its symbols, which are called as in the
/// MaskSet.
using Claims = std::vector<certificate::Claim>;

Claims claimsOf(const certificate::Claim &base, const Causality &causality);
Claims claimsOf(const certificate::Claim &base, const CacheCapacity &cache);
/// The claim names a key that each row sees: its own, or the first.
Claims claimsOf(const certificate::Claim &base, const RowCoverage &rows);
/// One claim that the loops visit every key that is needed, and one for each
/// full loop.
Claims claimsOf(const certificate::Claim &base, const TileBounds &bounds,
                const TileOptions &options);

} // namespace heed::masks
