//===- VerifyClaims.h - Facts as claims in the words of the model file ----===//
#pragma once

#include "passes/masks/certificate/Checker.h"
#include "tools/heed/VerifyFacts.h"

namespace heed {

/// The claims of a certificate: of each mask, then of each output. The words of
/// masks and the values of their names are read from the model file. Reports a
/// file that cannot be read again; nullopt then.
std::optional<std::vector<certificate::Claim>>
claimsOfModel(const std::string &path, const ModelFacts &facts);

} // namespace heed
