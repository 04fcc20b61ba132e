//===- VerifyClaims.h - Facts as claims of a certificate ------------------===//
#pragma once

#include "tools/heed/ModelOutline.h"
#include "tools/heed/VerifyFacts.h"

namespace heed {

/// A claim of the model's certificate, and what may be proved of it.
struct ModelClaim {
  certificate::Claim claim;
  /// Its parts, from what the analyses found; the first that is proved stands.
  std::vector<certificate::Parts> tries = {};
  /// Then the least number behind a word, from this one on.
  std::optional<std::pair<std::string, int64_t>> search = std::nullopt;
  /// The parts are a guess: nothing is wrong where they are not proved.
  bool isGuess = true;
  /// Empty, or why what is promised does not hold.
  std::string failed = {};
};
std::vector<ModelClaim> claimsOfModel(const ModelOutline &model,
                                      const ModelFacts &facts);

} // namespace heed
