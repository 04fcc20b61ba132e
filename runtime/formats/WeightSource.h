//===- WeightSource.h - Weights by name, wherever they are stored ---------===//
#pragma once

#include "runtime/formats/Gguf.h"
#include "runtime/formats/Safetensors.h"

namespace heed {

/// A GGUF file, a safetensors file, or a folder of safetensors files, told
/// apart by content. Views stay good as long as the source lives; moving it
/// does not hurt them.
class WeightSource {
public:
  /// Errors: those of the readers, and a file of another kind.
  static Result<WeightSource> open(const std::string &path);

  const std::string &path() const { return where; }
  /// Sorted.
  const std::vector<std::string> &names() const { return sortedNames; }
  std::optional<TensorView> find(std::string_view name) const;
  /// The weight that was perhaps meant by a name that is not there.
  std::optional<std::string> nearest(std::string_view name) const;
  /// Metadata, when the source is a GGUF file; nullptr otherwise.
  const Gguf *gguf() const { return asGguf ? &*asGguf : nullptr; }

private:
  void addAll(const std::vector<TensorView> &tensors);

  std::string where;
  std::optional<Gguf> asGguf;
  std::vector<Safetensors> shards;
  std::vector<std::string> sortedNames;
  std::map<std::string, TensorView, std::less<>> tensorOf;
};

} // namespace heed
