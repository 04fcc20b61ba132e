//===- TensorView.h - One tensor of a weight file -------------------------===//
#pragma once

#include "runtime/formats/ElementType.h"

#include <string>
#include <vector>

namespace heed {

/// A named tensor whose bytes lie in a mapped file. The view is good as long as
/// the reader that made it lives. Bytes may start at any alignment.
struct TensorView {
  std::string name;
  ElementType type;
  /// Row-major: the last size is contiguous; a linear's weight is [out, in].
  std::vector<int64_t> shape;
  /// Exactly byteSize(type, elementCount(shape)).
  Bytes bytes;
};

} // namespace heed
