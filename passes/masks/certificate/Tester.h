//===- Tester.h - Claims without a proof, by brute force ------------------===//
#pragma once

#include "passes/masks/certificate/Checker.h"

namespace heed::certificate {

/// Tries the claim on `points` random small values of its variables, the same
/// ones each time. Empty, or `false where q = 3, …`.
std::string findCounterexample(const Outline &model, const Claim &claim,
                               unsigned points);

} // namespace heed::certificate
