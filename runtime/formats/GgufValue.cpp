//===- GgufValue.cpp - Metadata values of a GGUF file ---------------------===//
//
// What a value views was checked when the file was read: reads cannot fail.
//
//===----------------------------------------------------------------------===//
#include "runtime/formats/GgufValue.h"
#include "runtime/formats/GgufReader.h"

using namespace heed;

std::string_view heed::ggufTypeName(GgufType type) {
  static constexpr std::string_view names[] = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<uint32_t>(type)];
}

template <typename T> static T load(Bytes from) {
  return *Cursor(from).read<T>();
}

std::optional<int64_t> GgufValue::integer() const {
  switch (kind) {
  case GgufType::U8:
    return load<uint8_t>(payload);
  case GgufType::I8:
    return load<int8_t>(payload);
  case GgufType::U16:
    return load<uint16_t>(payload);
  case GgufType::I16:
    return load<int16_t>(payload);
  case GgufType::U32:
    return load<uint32_t>(payload);
  case GgufType::I32:
    return load<int32_t>(payload);
  case GgufType::U64:
    if (uint64_t value = load<uint64_t>(payload); value <= INT64_MAX)
      return static_cast<int64_t>(value);
    return std::nullopt;
  case GgufType::I64:
    return load<int64_t>(payload);
  default:
    return std::nullopt;
  }
}

std::optional<double> GgufValue::number() const {
  if (kind == GgufType::F32)
    return load<float>(payload);
  if (kind == GgufType::F64)
    return load<double>(payload);
  if (kind == GgufType::U64)
    return static_cast<double>(load<uint64_t>(payload));
  if (std::optional<int64_t> whole = integer())
    return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<bool> GgufValue::boolean() const {
  if (kind != GgufType::Bool)
    return std::nullopt;
  return payload[0] == 1;
}

std::optional<std::string_view> GgufValue::string() const {
  if (kind != GgufType::String)
    return std::nullopt;
  return asText(payload);
}

/// Every element of `array` through `read`, or nothing if one is of another
/// kind.
template <typename T>
static std::optional<std::vector<T>>
each(const GgufValue &array, std::optional<T> (GgufValue::*read)() const) {
  std::optional<std::vector<GgufValue>> elements = array.elements();
  if (!elements)
    return std::nullopt;
  std::vector<T> out;
  out.reserve(elements->size());
  for (const GgufValue &element : *elements) {
    std::optional<T> value = (element.*read)();
    if (!value)
      return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

std::optional<std::vector<int64_t>> GgufValue::integers() const {
  return each(*this, &GgufValue::integer);
}
std::optional<std::vector<double>> GgufValue::numbers() const {
  return each(*this, &GgufValue::number);
}
std::optional<std::vector<bool>> GgufValue::booleans() const {
  return each(*this, &GgufValue::boolean);
}
std::optional<std::vector<std::string_view>> GgufValue::strings() const {
  return each(*this, &GgufValue::string);
}

std::optional<std::vector<GgufValue>> GgufValue::elements() const {
  if (!isArray())
    return std::nullopt;
  // The code that read the array finds its elements again.
  const std::string noLabel;
  GgufReader reader(payload, noLabel);
  std::vector<GgufValue> out;
  out.reserve(count);
  for (uint64_t i = 0; i < count; ++i)
    out.push_back(*reader.value(inner));
  return out;
}
