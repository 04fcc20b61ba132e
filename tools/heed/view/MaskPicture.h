//===- MaskPicture.h - A mask and its tiles, as SVG -----------------------===//
#pragma once

#include "tools/heed/view/ExampleMask.h"
#include "tools/heed/view/Svg.h"

#include <string>
#include <vector>

namespace heed::view {

/// What one mask looks like at some lengths, for one head.
struct MaskPicture {
  attn::AttentionOp op;
  MaskFacts *facts;
  ExampleMask *mask;
  int64_t tile; ///< queries of a tile
  /// Above and beside the picture.
  std::string title, subtitle;
  std::vector<std::string> notes;
};

/// A length that shows what the mask does: some times its largest constant, or
/// some tiles where it has none.
int64_t pleasantLength(attn::MaskAttr mask, int64_t tile);

Drawing draw(const MaskPicture &picture);

} // namespace heed::view
