//===- Model.h - An open model --------------------------------------------===//
#pragma once

#include "runtime/model/Entry.h"
#include "runtime/model/ModelFile.h"
#include "runtime/model/ModelInfo.h"
#include "runtime/step/ThreadPool.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <mutex>
#include <optional>

namespace heed {

/// A mapped model file and the code that runs it, shared by any number of
/// sessions. Their calls take turns on one pool of threads.
class Model {
public:
  /// `path` holds the model (see ModelFile::open), `variants` is its code.
  /// `threads` 0 means as many as there are CPUs. Errors: those of the file,
  /// a CPU that no variant is for, threads that cannot be started.
  static Result<std::unique_ptr<Model>>
  open(const std::string &path, const heed_variant *variants, unsigned threads);
  Model(const Model &) = delete;

  const ModelInfo &info() const { return description; }
  const ModelFile &file() const { return mapped; }
  Bytes weights() const { return mapped.section(SectionKind::Weights); }
  /// Null where the model has no tokenizer.
  const Tokenizer *tokenizer() const { return words ? &*words : nullptr; }
  const heed_variant &variant() const { return *code; }
  unsigned threads() const { return pool->size(); }
  /// For measurements beside the model's own calls.
  ThreadPool &threadPool() { return *pool; }
  bool hasCache() const { return !description.cache.empty(); }
  /// The output of that name, or null.
  const ArgInfo *outputNamed(std::string_view name) const;

private:
  friend class Session;
  Model(ModelFile mapped, ModelInfo description, const heed_variant *code)
      : mapped(std::move(mapped)), description(std::move(description)),
        code(code) {}

  ModelFile mapped;
  ModelInfo description;
  const heed_variant *code;
  std::optional<Tokenizer> words;
  std::unique_ptr<ThreadPool> pool;
  std::mutex turn; // held for one call of the entry
};

/// The real path of the running executable, links resolved: beside it its
/// weights may lie.
std::string runningExecutable();

} // namespace heed
