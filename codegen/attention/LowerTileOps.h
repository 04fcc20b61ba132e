//===- LowerTileOps.h - Tile ops of attention become vector code ----------===//
#pragma once

#include "mlir/Pass/Pass.h"

namespace heed::attn {

/// `attn-lower-attention-tiles`: replaces every attention tile op by scf loops
/// over 1-D vectors (stage tiled to stage vector). Afterwards upstream's
/// conversions suffice.
std::unique_ptr<mlir::Pass> createLowerAttentionTilesPass();
void registerLowerAttentionTilesPass();

} // namespace heed::attn
