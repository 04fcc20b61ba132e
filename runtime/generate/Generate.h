//===- Generate.h - Tokens one after another ------------------------------===//
#pragma once

#include "runtime/generate/Sampler.h"
#include "runtime/step/Session.h"

#include <atomic>
#include <functional>

namespace heed {

struct GenerateOptions {
  uint32_t tokens = 256;  // at most so many new ones
  bool ignoreEnd = false; // go on past the end-of-text token
  std::vector<std::string> stops;
  SamplerOptions sampler;
};

/// Why no more tokens come.
enum class StopReason { Tokens, End, StopString, ContextFull, Interrupted };

struct Generated {
  std::vector<int32_t> ids; // the new ones, with the token that ended them
  StopReason reason = StopReason::Tokens;
  double prefillSeconds = 0, decodeSeconds = 0;
};

/// What generation tells and asks its caller.
struct GenerateCalls {
  /// Text as it comes, whole characters. An error stops generation.
  std::function<Status(std::string_view)> text;
  /// Prompt tokens read so far.
  std::function<void(size_t done, size_t all)> progress;
  /// Set from a signal handler: stop as soon as possible.
  const std::atomic<bool> *interrupted = nullptr;
};

/// Why `model` cannot generate, or nothing.
Status canGenerate(const Model &model);

/// Reads history[session.length(0) ...] into slot 0 and generates. Errors: a
/// history without new tokens, longer than the context or shorter than the
/// model's first call, logits that are no numbers, those of `calls.text`.
Result<Generated> generate(Session &session, std::span<const int32_t> history,
                           const GenerateOptions &options,
                           const GenerateCalls &calls);

/// Feeds tokens [length(0), ids.size()) of slot 0, `info.chunk` at a time (the
/// first time `info.firstCall` at least), with the logits of the last one
/// wanted. False when interrupted.
Result<bool> prefill(Session &session, std::span<const int32_t> ids,
                     const GenerateCalls &calls);

} // namespace heed
