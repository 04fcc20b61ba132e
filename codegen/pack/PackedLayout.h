//===- PackedLayout.h - The one layout of a weight ------------------------===//
//
// docs/architecture.md, "One layout per weight". The packer writes it, kernels
// read it; both ask here.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed {

/// Outputs of a panel: the lanes of an f32 vector.
inline constexpr int64_t kPanel = 16;

/// How weights of one storage type lie within a panel: groups of `depth` values
/// of k, each `bytes` long.
struct PackedGroup {
  int64_t depth, bytes;
};
PackedGroup packedGroup(attn::WeightElement element);

/// Bytes of one packed panel of [16, in].
int64_t panelBytes(attn::WeightElement element, int64_t in);
/// Bytes of the whole packed weight: panels for two sizes, plain f32 for one.
int64_t packedBytes(attn::WeightType type);

} // namespace heed
