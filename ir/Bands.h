//===- Bands.h - Masks whose keys move with the queries -------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// Whether some range of allowed keys starts at a bound that depends on the
/// tile's queries, as a sliding window's does.
bool isBanded(AttentionOp op);

/// Whether no row may see many keys: the mask is a band, or forbids keys
/// between those that it allows (strides, two-dimensional blocks).
bool seesFewKeys(AttentionOp op);

} // namespace heed::attn
