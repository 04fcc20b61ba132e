//===- VerifyCertificate.h - Proofs to take away, and to check ------------===//
#pragma once

#include "tools/heed/Options.h"
#include "tools/heed/VerifyFacts.h"

namespace heed {

/// Writes what was proved of the model, each claim with its proof. A claim
/// without one is tested by brute force and marked so. Returns the exit code.
int writeCertificate(const Options &options, const ModelFacts &facts);

/// Checks that the file's claims are the model's, mask by mask in the words of
/// the model file, and follows its proofs (passes/masks/certificate). Returns
/// the exit code.
int checkCertificate(const Options &options, const ModelFacts &facts);

} // namespace heed
