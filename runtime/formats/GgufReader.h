//===- GgufReader.h - Fields and values of a GGUF file, in order ----------===//
//
// What Gguf.cpp and GgufValue.cpp share; no header for others.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/Cursor.h"
#include "runtime/formats/GgufValue.h"
#include "runtime/support/Text.h"

#include <string>

namespace heed {

class GgufReader {
public:
  GgufReader(Bytes bytes, const std::string &label)
      : bytes(bytes), cursor(bytes), label(label) {}

  uint64_t position() const { return cursor.position(); }
  uint64_t left() const { return cursor.left(); }

  /// What later errors are about: "metadata 'key'", "tensor 'name'".
  void nowReading(std::string what) { where = std::move(what); }
  /// An error at the byte reached so far.
  Error bad(const std::string &what) const;

  /// A number; `what` it is ends the sentence "the file ends before ...".
  template <typename T> Result<T> read(const char *what) {
    if (std::optional<T> value = cursor.read<T>())
      return *value;
    return cutShort(what);
  }
  /// A length and that many bytes.
  Result<std::string_view> string(const char *what);
  Result<GgufType> type();
  Result<GgufValue> value(GgufType type, int depth = 0);

private:
  /// Array in array in array: nobody nests deeper than two.
  static constexpr int deepestNesting = 4;

  Error cutShort(std::string_view what) const;
  Result<GgufValue> array(int depth);

  Bytes bytes;
  Cursor cursor;
  const std::string &label;
  std::string where;
};

} // namespace heed
