//===- GgufValue.h - Metadata values of a GGUF file -----------------------===//
#pragma once

#include "runtime/formats/MappedFile.h"

#include <optional>
#include <string_view>
#include <vector>

namespace heed {

/// The value types of metadata, by their number in the file.
enum class GgufType : uint32_t {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12,
};

/// "u32", "string", ...
std::string_view ggufTypeName(GgufType type);

/// One metadata value: a view into the file, already checked. Each accessor
/// gives nothing when the value is of another kind or does not fit.
class GgufValue {
public:
  GgufType type() const { return kind; }

  /// Any integer type that fits int64.
  std::optional<int64_t> integer() const;
  /// Any integer or floating-point type.
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  /// Bytes as they stand in the file: not necessarily UTF-8.
  std::optional<std::string_view> string() const;

  bool isArray() const { return kind == GgufType::Array; }
  /// The type and the number of an array's elements.
  GgufType elementType() const { return inner; }
  uint64_t size() const { return count; }
  /// Arrays of integers, of numbers, of booleans, of strings.
  std::optional<std::vector<int64_t>> integers() const;
  std::optional<std::vector<double>> numbers() const;
  std::optional<std::vector<bool>> booleans() const;
  std::optional<std::vector<std::string_view>> strings() const;
  /// Any array, arrays of arrays too.
  std::optional<std::vector<GgufValue>> elements() const;

private:
  friend class GgufReader;
  GgufType kind = GgufType::U8;
  GgufType inner = GgufType::U8; // of an array
  uint64_t count = 0;            // of an array
  Bytes payload;                 // a string's bytes, an array's elements
};

} // namespace heed
