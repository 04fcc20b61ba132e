//===- GenerateFlags.h - Flags that generate and chat share ---------------===//
#pragma once

#include "runtime/generate/Generate.h"
#include "runtime/main/Command.h"

namespace heed {

/// TOKENS is the default of --tokens, as text.
#define HEED_GENERATE_FLAGS(TOKENS)                                            \
  {"--tokens", "N", "at most N new tokens (default " TOKENS ")"},              \
      {"--temperature", "T", "0 takes the likeliest token (default 0)"},       \
      {"--top-k", "K", "draw among the K likeliest only"},                     \
      {"--top-p", "P", "draw among the likeliest that make up P together"},    \
      {"--min-p", "P", "draw among those at least P times the best"},          \
      {"--repeat-penalty", "R", "over 1 makes tokens seen before unlikelier"}, \
      {"--seed", "N", "equal seeds draw equal tokens (default: by chance)"},   \
      {"--stop", "TEXT", "stop before TEXT; may stand several times"}

/// What the flags ask for. Errors: values out of range.
Result<GenerateOptions> generateOptions(const Arguments &arguments);

} // namespace heed
