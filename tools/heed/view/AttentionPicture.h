//===- AttentionPicture.h - Attention weights as a heat map ---------------===//
#pragma once

#include "tools/heed/view/MaskPicture.h"

#include <span>

namespace heed::view {

/// The attention of one layer over the tokens of a prompt.
struct AttentionPicture {
  std::string title, subtitle;
  std::vector<std::string> tokens;
  std::vector<int64_t> heads;     ///< which are drawn: one large, or all small
  std::span<const float> weights; ///< [all heads, tokens, tokens]

  float weight(int64_t head, int64_t query, int64_t key) const {
    int64_t n = int64_t(tokens.size());
    return weights[(head * n + query) * n + key];
  }
};

/// Rows are queries, columns keys. A weight of exactly 0, which a masked pair
/// has, is drawn apart from the smallest of the others.
Drawing draw(const AttentionPicture &picture);

} // namespace heed::view
