//===- Grouping.h - Heads that are computed together ----------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed::attn {

/// Heads that share one kv head and one tile of rows; 1 where the mask or the
/// score rule depends on the head.
int64_t headsOfTile(AttentionOp op);

} // namespace heed::attn
