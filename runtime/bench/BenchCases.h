//===- BenchCases.h - What is timed of a model of tokens ------------------===//
#pragma once

#include "runtime/model/ModelInfo.h"

#include <algorithm>

namespace heed {

/// Tokens of the prompt of a decoder.
struct PromptRange {
  int64_t least, most, usual;

  explicit PromptRange(const ModelInfo &info) {
    int64_t room = std::max<int64_t>(info.context, 2);
    least = info.firstCall;
    most = room - 1;
    usual = std::max(least, std::min<int64_t>(512, room - room / 8 - 1));
  }
};

/// Sentences that an encoder reads in one step.
struct SentenceCase {
  size_t batch, length;
};
inline constexpr SentenceCase sentenceCases[] = {{1, 32}, {32, 128}};

} // namespace heed
