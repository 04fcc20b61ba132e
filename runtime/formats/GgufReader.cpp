//===- GgufReader.cpp - Fields and values of a GGUF file, in order --------===//
#include "runtime/formats/GgufReader.h"

using namespace heed;

static constexpr uint32_t greatestType = 12;

/// Bytes of a value of fixed size; 0 for strings and arrays.
static uint64_t fixedSize(GgufType type) {
  static constexpr uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<uint32_t>(type)];
}

Error GgufReader::bad(const std::string &what) const {
  return Error{concat(label, ": byte ", position(), ": ",
                      where.empty() ? "" : where + ": ", what)};
}

Error GgufReader::cutShort(std::string_view what) const {
  return bad(
      concat("the file ends before ", what, " (", left(), " bytes left)"));
}

Result<std::string_view> GgufReader::string(const char *what) {
  Result<uint64_t> length = read<uint64_t>("a string's length");
  if (!length)
    return length.error();
  std::optional<Bytes> text = cursor.take(*length);
  if (!text)
    return bad(concat(what, " of ", *length, " bytes runs past the end of the ",
                      "file (", left(), " bytes left)"));
  return asText(*text);
}

Result<GgufType> GgufReader::type() {
  Result<uint32_t> number = read<uint32_t>("a value's type");
  if (!number)
    return number.error();
  if (*number > greatestType)
    return bad(concat("value type ", *number, " does not exist (0 to ",
                      greatestType, " do)"));
  return static_cast<GgufType>(*number);
}

Result<GgufValue> GgufReader::value(GgufType type, int depth) {
  if (type == GgufType::Array)
    return array(depth);
  GgufValue out;
  out.kind = type;
  if (type == GgufType::String) {
    Result<std::string_view> text = string("a string");
    if (!text)
      return text.error();
    out.payload =
        Bytes(reinterpret_cast<const uint8_t *>(text->data()), text->size());
    return out;
  }
  std::optional<Bytes> payload = cursor.take(fixedSize(type));
  if (!payload)
    return cutShort(concat("a value of type ", ggufTypeName(type)));
  if (type == GgufType::Bool && (*payload)[0] > 1)
    return bad(concat("a bool is 0 or 1, not ", (*payload)[0]));
  out.payload = *payload;
  return out;
}

Result<GgufValue> GgufReader::array(int depth) {
  if (depth == deepestNesting)
    return bad(concat("arrays nested more than ", deepestNesting, " deep"));
  Result<GgufType> inner = type();
  if (!inner)
    return inner.error();
  Result<uint64_t> count = read<uint64_t>("the length of an array");
  if (!count)
    return count.error();
  GgufValue out;
  out.kind = GgufType::Array;
  out.inner = *inner;
  out.count = *count;

  // The least an element takes: a string's length, an array's type and length.
  uint64_t size = fixedSize(*inner);
  uint64_t least = size ? size : *inner == GgufType::String ? 8 : 12;
  if (*count > left() / least)
    return bad(concat("an array of ", *count, " ", ggufTypeName(*inner),
                      " values runs past the end of the file (", left(),
                      " bytes left)"));
  uint64_t begin = position();
  if (size && *inner != GgufType::Bool) {
    (void)cursor.take(*count * size);
  } else {
    for (uint64_t i = 0; i < *count; ++i)
      if (Result<GgufValue> element = value(*inner, depth + 1); !element)
        return element.error();
  }
  out.payload = bytes.subspan(begin, position() - begin);
  return out;
}
