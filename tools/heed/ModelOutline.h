//===- ModelOutline.h - What a certificate needs of a model file ----------===//
//
// Read from the YAML by the frontend's parsers, without the compiler's IR.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/masks/certificate/Checker.h"

#include <optional>

namespace heed {

/// The outline with layers written out, and where each of its masks is met
/// first: at `16:19`, in the layer of that number.
struct ModelOutline {
  certificate::Outline outline;
  struct MaskPlace {
    std::string at;
    std::optional<int64_t> layer;
    bool ownRows;
  };
  std::vector<MaskPlace> places; ///< of mask FirstMask and so on
  /// `cache: 63`, at `14:12`: the file's, then what a decoder is to keep.
  struct Promise {
    std::string text, at;
    bool isOwn; ///< the decoder's
  };
  std::vector<Promise> promises;
  /// All outputs of the file: the outline lacks one whose sequence is not said.
  std::vector<std::string> outputs;
  bool hasDecoder = false;

  bool isPromised(const std::string &text) const;

  /// Reports what cannot be read; nullopt then.
  static std::optional<ModelOutline> read(const std::string &path);
};

} // namespace heed
