//===- VerifyLengths.h - Masks and the lengths of a call ------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed {

/// Empty when the mask allows a pair or not whatever the lengths of the call
/// are; else a pair for which they matter, or why that is not known. Two calls
/// that cut a sequence differently then compute the same.
std::string lengthDependence(attn::MaskOp op);

/// Query i stands at position i, or `atEnd` at i + kv_len - q_len (bottom
/// right), kv_len >= q_len. Empty when no query sees a key beyond its position
/// and, with `ownKey`, each sees the key there; else the pair where it is not
/// so.
std::string alignmentFault(attn::MaskOp op, bool atEnd, bool ownKey);

} // namespace heed
