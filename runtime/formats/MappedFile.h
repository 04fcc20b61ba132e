//===- MappedFile.h - A file's bytes, mapped read-only --------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <cstdint>
#include <span>
#include <string>

namespace heed {

/// Bytes that somebody else owns.
using Bytes = std::span<const uint8_t>;

/// A regular file mapped read-only for as long as the object lives. Moving it
/// does not move the bytes, so views into them stay good.
class MappedFile {
public:
  /// Errors: missing, a directory, not a regular file, not readable, empty.
  static Result<MappedFile> open(const std::string &path);

  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  Bytes bytes() const { return held; }
  const std::string &path() const { return name; }

private:
  MappedFile(std::string path, Bytes bytes)
      : name(std::move(path)), held(bytes) {}

  std::string name;
  Bytes held;
};

} // namespace heed
