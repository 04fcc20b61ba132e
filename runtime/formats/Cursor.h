//===- Cursor.h - Reads little-endian fields out of untrusted bytes -------===//
#pragma once

#include "runtime/formats/MappedFile.h"

#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

namespace heed {

/// Walks forward over bytes. A read past the end gives nothing and does not
/// move.
class Cursor {
public:
  explicit Cursor(Bytes bytes) : all(bytes) {}

  uint64_t position() const { return at; }
  uint64_t left() const { return all.size() - at; }

  template <typename T> std::optional<T> read() {
    static_assert(std::endian::native == std::endian::little);
    if (left() < sizeof(T))
      return std::nullopt;
    T value;
    std::memcpy(&value, all.data() + at, sizeof value);
    at += sizeof value;
    return value;
  }

  std::optional<Bytes> take(uint64_t size) {
    if (left() < size)
      return std::nullopt;
    Bytes taken = all.subspan(at, size);
    at += size;
    return taken;
  }

private:
  Bytes all;
  uint64_t at = 0;
};

inline std::string_view asText(Bytes bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

} // namespace heed
