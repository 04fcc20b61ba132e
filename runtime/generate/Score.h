//===- Score.h - How likely a text is to a model --------------------------===//
#pragma once

#include "runtime/generate/Generate.h"

namespace heed {

struct Score {
  double loss = 0; // sum of -ln p(token | tokens before it in its window)
  size_t scored = 0;
  bool interrupted = false;

  /// exp of the mean loss.
  double perplexity() const;
};

/// Scores `ids` in windows of `window` tokens, one after the other, each read
/// from scratch; the first `info.firstCall` tokens of a window (one, of a
/// causal model) are read, not scored. Errors: no more ids than those, those of
/// the step.
Result<Score> score(Session &session, std::span<const int32_t> ids,
                    uint32_t window, const GenerateCalls &calls);

} // namespace heed
