//===- VerifyClaims.h - Facts as claims of a certificate ------------------===//
#pragma once

#include "tools/heed/ModelOutline.h"
#include "tools/heed/VerifyFacts.h"

namespace heed {

/// A claim of the model's certificate, with what the analyses found where they
/// claim it.
struct ModelClaim {
  certificate::Claim claim;
  bool isMade = false;
};
std::vector<ModelClaim> claimsOfModel(const ModelOutline &model,
                                      const ModelFacts &facts);

} // namespace heed
