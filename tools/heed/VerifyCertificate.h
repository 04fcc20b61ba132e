//===- VerifyCertificate.h - Proofs to take away, and to check ------------===//
#pragma once

#include "tools/heed/Options.h"
#include "tools/heed/VerifyFacts.h"

namespace heed {

/// Writes what was proved of the model, each claim with its proof. A claim
/// without one is tested by brute force and marked so. Returns the exit code.
int writeCertificate(const Options &options, const ModelFacts &facts);

/// Makes the claims again from the YAML, without the compiler, and follows the
/// file's proofs (passes/masks/certificate). Returns the exit code.
int checkCertificate(const Options &options);

} // namespace heed
