//===- Checker.h - Checks a certificate of what was proved of a model -----===//
#pragma once

#include "passes/masks/certificate/Formula.h"

#include <map>

namespace heed::certificate {

/// A mask with integers for the names of the model file. Its title says where
/// it stands, and its words there; `given` is what is known of its symbols.
struct Mask {
  std::string title, words, given = "all";
};

/// A step of the model file, layers written out, or a value that it begins with
/// (`tokens`, an `input`): what it reads of steps before, and by which masks.
struct Step {
  std::string name;
  std::vector<std::pair<size_t, size_t>> reads;
};

/// What a model file says: its masks, and for each output the steps up to it.
struct Outline {
  static constexpr size_t SameRow = 0, Anything = 1, FirstMask = 2;
  std::vector<Mask> masks = {{"", "kv == q"}, {"", "all"}};
  std::vector<std::pair<std::string, std::vector<Step>>> outputs = {};
};

/// Of a mask or an output, with what the analyses found: `ring W - 1`.
struct Claim {
  std::string kind, title;
  size_t number; ///< of the mask, or the output
  std::vector<std::pair<std::string, std::string>> parts = {};
};
/// All that can be claimed, in the order of a certificate.
std::vector<Claim> claimsOf(const Outline &model);

/// What the claim says cannot be; refuses a claim without meaning.
Problem contradiction(const Outline &model, const Claim &claim);

/// Makes the claims again, and follows the proofs.
struct CheckResult {
  std::map<std::string, std::vector<Claim>> claims; ///< by verdict
  std::string error; ///< empty when good; else `line 12: ...`
};
CheckResult check(const Outline &model, const std::string &certificate);

} // namespace heed::certificate
