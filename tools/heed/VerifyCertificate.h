//===- VerifyCertificate.h - Proofs to take away, and to check ------------===//
#pragma once

#include "tools/heed/Options.h"
#include "tools/heed/VerifyPromises.h"

namespace heed {

/// Writes what was proved of the model, each claim with its proof. A claim
/// without one is tested by brute force and marked so, or as failed where a
/// promise fails by it. Returns the exit code.
int writeCertificate(const Options &options, const ModelFacts &facts,
                     llvm::ArrayRef<PromiseCheck> promises);

/// Makes the claims again from the YAML, without the compiler, and follows the
/// file's proofs (passes/masks/certificate). Returns the exit code.
int checkCertificate(const Options &options);

} // namespace heed
