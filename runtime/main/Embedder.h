//===- Embedder.h - Texts to vectors --------------------------------------===//
#pragma once

#include "runtime/step/Session.h"

#include <functional>

namespace heed {

/// Turns texts into embeddings, many sequences of different lengths in a step;
/// a text's embedding does not depend on its company.
class Embedder {
public:
  /// Errors: a model without tokenizer or without the output "embedding".
  static Result<Embedder> create(Model &model);

  int64_t width() const { return columns; }
  /// Texts that go together.
  static constexpr size_t batch = 64;

  /// Appends width() numbers for each text (at most `batch`) to `out`. A text
  /// longer than the model takes is cut, and counted in cut().
  Status embed(std::span<const std::string> texts, std::vector<float> &out);
  size_t cut() const { return cutTexts; }

private:
  Embedder() = default;
  std::unique_ptr<Session> session;
  int64_t columns = 0;
  size_t longest = 0, cutTexts = 0;
};

/// Calls `each` with up to Embedder::batch lines of a file and their embeddings
/// until the file ends. `first` counts the lines before, from 0.
Status embedLines(
    Embedder &embedder, const std::string &path,
    const std::function<Status(size_t first, std::span<const std::string> lines,
                               std::span<const float> embeddings)> &each);

} // namespace heed
