//===- CertifiedPromises.h - Promises that a certificate stands behind ----===//
#pragma once

#include "tools/heed/ModelOutline.h"

namespace heed {

/// What is missing of a promise of the file, or of a decoder's own causality
/// and cache, among the claims that were proved. Empty, or one line:
/// `promised at 14:12: causal: the certificate does not prove model out`.
std::string findUncertified(const ModelOutline &model,
                            const std::vector<certificate::Claim> &proved);

} // namespace heed
