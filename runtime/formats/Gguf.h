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

#include "runtime/formats/TensorView.h"

#include <unordered_map>

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
  friend class GgufParser;
  GgufType kind = GgufType::U8;
  GgufType inner = GgufType::U8; // of an array
  uint64_t count = 0;            // of an array
  Bytes payload;                 // a string's bytes, an array's elements
};

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
