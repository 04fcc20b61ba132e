//===- Safetensors.h - Reader of safetensors files and folders ------------===//
//
// A file is the header's length (u64, little-endian), a JSON header and the
// tensors' data. As the format asks, the data is covered by the tensors without
// gap or overlap. A folder holds model.safetensors.index.json and the shards it
// names, or model.safetensors, or any *.safetensors files.
//
// Source: the format's page in the safetensors documentation.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/TensorView.h"

#include <map>

namespace heed {

/// One file.
class Safetensors {
public:
  static Result<Safetensors> open(const std::string &path);
  /// Reads bytes that the caller keeps alive; `label` stands for the file's
  /// name in messages.
  static Result<Safetensors> parse(Bytes bytes, const std::string &label);

  /// Sorted by name.
  const std::vector<TensorView> &tensors() const { return table; }
  /// What stands under `__metadata__`.
  const std::map<std::string, std::string> &metadata() const { return notes; }

private:
  std::optional<MappedFile> file;
  std::vector<TensorView> table;
  std::map<std::string, std::string> notes;
};

/// All shards of a folder. Errors, beyond those of a file: no safetensors file,
/// a shard that the index names is missing or leads out of the folder, a tensor
/// that is not where the index says, a tensor in two shards.
Result<std::vector<Safetensors>> openSafetensorsFolder(const std::string &path);

} // namespace heed
