//===- Gguf.h - Reader of GGUF files --------------------------------------===//
//
// GGUF versions 2 and 3, little-endian: magic, counts, metadata, tensor table,
// aligned tensor data. The file is mapped and not trusted: every count, length
// and offset is checked against the bytes that are there before it is used, and
// nothing is allocated by a count that the bytes do not back.
//
// Source: the GGUF specification in the documents of the ggml project.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/GgufValue.h"
#include "runtime/formats/TensorView.h"

#include <unordered_map>

namespace heed {

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

class Gguf {
public:
  static Result<Gguf> open(const std::string &path);
  /// Reads bytes that the caller keeps alive; `label` stands for the file's
  /// name in messages.
  static Result<Gguf> parse(Bytes bytes, const std::string &label);

  uint32_t version() const { return fileVersion; }
  /// In the order of the file.
  const std::vector<GgufEntry> &metadata() const { return entries; }
  const std::vector<TensorView> &tensors() const { return table; }
  /// Nothing when there is no such key; nullptr when no such tensor.
  std::optional<GgufValue> find(std::string_view key) const;
  const TensorView *tensor(std::string_view name) const;

private:
  friend class GgufParser;
  std::optional<MappedFile> file;
  uint32_t fileVersion = 0;
  std::vector<GgufEntry> entries;
  std::vector<TensorView> table;
  std::unordered_map<std::string_view, size_t> entryOf;
  std::unordered_map<std::string, size_t> tensorOf;
};

} // namespace heed
