//===- FieldPicture.h - What one output can see, layer by layer -----------===//
#pragma once

#include "tools/heed/view/MaskPicture.h"

namespace heed::view {

/// The attentions of a model from its first layer to its last; each reads the
/// rows that the one before makes, and a residual hands a row on.
struct FieldPicture {
  struct Layer {
    std::string name;
    ExampleMask *mask;
  };
  std::string title;
  std::vector<Layer> layers;
  int64_t positions;
  int64_t out; ///< the row of the output whose field is drawn
};

/// The positions that row `out` of the output depends on, before each layer;
/// where some lie behind it, the way to the farthest one.
Drawing draw(const FieldPicture &picture);

} // namespace heed::view
