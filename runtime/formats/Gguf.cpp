//===- Gguf.cpp - Reader of GGUF files ------------------------------------===//
#include "runtime/formats/Gguf.h"
#include "runtime/formats/Cursor.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;

static constexpr uint32_t greatestType = 12;

std::string_view heed::ggufTypeName(GgufType type) {
  static constexpr std::string_view names[] = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<uint32_t>(type)];
}

/// Bytes of a value of fixed size; 0 for strings and arrays.
static uint64_t fixedSize(GgufType type) {
  static constexpr uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<uint32_t>(type)];
}

/// The element types that ggml numbers; the gaps are types it has withdrawn.
static std::optional<ElementType> elementTypeOf(uint32_t number) {
  using enum ElementType;
  switch (number) {
  case 0:
    return F32;
  case 1:
    return F16;
  case 2:
    return Q4_0;
  case 3:
    return Q4_1;
  case 6:
    return Q5_0;
  case 7:
    return Q5_1;
  case 8:
    return Q8_0;
  case 9:
    return Q8_1;
  case 10:
    return Q2_K;
  case 11:
    return Q3_K;
  case 12:
    return Q4_K;
  case 13:
    return Q5_K;
  case 14:
    return Q6_K;
  case 15:
    return Q8_K;
  case 16:
    return IQ2_XXS;
  case 17:
    return IQ2_XS;
  case 18:
    return IQ3_XXS;
  case 19:
    return IQ1_S;
  case 20:
    return IQ4_NL;
  case 21:
    return IQ3_S;
  case 22:
    return IQ2_S;
  case 23:
    return IQ4_XS;
  case 24:
    return I8;
  case 25:
    return I16;
  case 26:
    return I32;
  case 27:
    return I64;
  case 28:
    return F64;
  case 29:
    return IQ1_M;
  case 30:
    return BF16;
  case 34:
    return TQ1_0;
  case 35:
    return TQ2_0;
  case 39:
    return MXFP4;
  default:
    return std::nullopt;
  }
}

//===----------------------------------------------------------------------===//
// The parser
//===----------------------------------------------------------------------===//

namespace heed {
class GgufParser {
public:
  GgufParser(Bytes bytes, const std::string &label)
      : bytes(bytes), cursor(bytes), label(label) {}

  Result<Gguf> run();

  /// The i-th and later elements of a checked array.
  static std::vector<GgufValue> elementsOf(const GgufValue &array);

private:
  /// Array in array in array: nobody nests deeper than two.
  static constexpr int deepestNesting = 4;

  Status header();
  Status metadata();
  Status tensorTable();
  Status tensorData();
  Status value(GgufType type, int depth, GgufValue &out);
  Status array(int depth, GgufValue &out);
  Status string(const char *what, std::string_view &out);
  Result<GgufType> valueType();

  /// An error at the byte reached so far.
  Error bad(const std::string &what) const;
  Error cutShort(const std::string &what) const;

  Bytes bytes;
  Cursor cursor;
  const std::string &label;
  Gguf gguf;
  uint64_t entryCount = 0, tensorCount = 0;
  uint64_t alignment = 32;
  std::vector<uint64_t> offsets; // of the tensors, from the start of the data
  std::string where;             // "metadata 'key'", "tensor 'name'"
};
} // namespace heed

Error GgufParser::bad(const std::string &what) const {
  return Error{concat(label, ": byte ", cursor.position(), ": ",
                      where.empty() ? "" : where + ": ", what)};
}

Error GgufParser::cutShort(const std::string &what) const {
  return bad(concat("the file ends before ", what, " (", cursor.left(),
                    " bytes left)"));
}

Status GgufParser::header() {
  std::optional<Bytes> magic = cursor.take(4);
  if (!magic || asText(*magic) != "GGUF")
    return Error{label + ": not a GGUF file: it does not start with 'GGUF'"};
  std::optional<uint32_t> version = cursor.read<uint32_t>();
  if (!version)
    return cutShort("its version");
  if (*version != 0 && (*version & 0xffff) == 0)
    return bad("a big-endian GGUF file; heed reads little-endian ones");
  if (*version != 2 && *version != 3)
    return bad(concat("GGUF version ", *version, "; heed reads 2 and 3"));
  gguf.fileVersion = *version;
  std::optional<uint64_t> tensors = cursor.read<uint64_t>();
  if (!tensors)
    return cutShort("the number of tensors");
  std::optional<uint64_t> entries = cursor.read<uint64_t>();
  if (!entries)
    return cutShort("the number of metadata entries");
  tensorCount = *tensors;
  entryCount = *entries;

  // The least that an entry (key length, type, a byte) and a tensor (name
  // length, rank, one size, type, offset) take.
  if (entryCount > cursor.left() / 13)
    return bad(concat(entryCount, " metadata entries cannot stand in ",
                      cursor.left(), " bytes"));
  if (tensorCount > cursor.left() / 32)
    return bad(concat(tensorCount, " tensors cannot stand in ", cursor.left(),
                      " bytes"));
  return {};
}

Status GgufParser::string(const char *what, std::string_view &out) {
  std::optional<uint64_t> length = cursor.read<uint64_t>();
  if (!length)
    return cutShort(concat("the length of ", what));
  std::optional<Bytes> text = cursor.take(*length);
  if (!text)
    return bad(concat(what, " of ", *length, " bytes runs past the end of the ",
                      "file (", cursor.left(), " bytes left)"));
  out = asText(*text);
  return {};
}

Result<GgufType> GgufParser::valueType() {
  std::optional<uint32_t> number = cursor.read<uint32_t>();
  if (!number)
    return cutShort("a value's type");
  if (*number > greatestType)
    return bad(concat("value type ", *number, " does not exist (0 to ",
                      greatestType, " do)"));
  return static_cast<GgufType>(*number);
}

Status GgufParser::value(GgufType type, int depth, GgufValue &out) {
  out.kind = type;
  if (type == GgufType::Array)
    return array(depth, out);
  if (type == GgufType::String) {
    std::string_view text;
    if (Status read = string("a string", text); !read)
      return read;
    out.payload =
        Bytes(reinterpret_cast<const uint8_t *>(text.data()), text.size());
    return {};
  }
  std::optional<Bytes> payload = cursor.take(fixedSize(type));
  if (!payload)
    return cutShort(concat("a value of type ", ggufTypeName(type)));
  if (type == GgufType::Bool && (*payload)[0] > 1)
    return bad(concat("a bool is 0 or 1, not ", (*payload)[0]));
  out.payload = *payload;
  return {};
}

Status GgufParser::array(int depth, GgufValue &out) {
  if (depth == deepestNesting)
    return bad(concat("arrays nested more than ", deepestNesting, " deep"));
  Result<GgufType> inner = valueType();
  if (!inner)
    return inner.error();
  std::optional<uint64_t> count = cursor.read<uint64_t>();
  if (!count)
    return cutShort("the length of an array");
  out.inner = *inner;
  out.count = *count;

  // The least an element takes: a string's length, an array's type and length.
  uint64_t size = fixedSize(*inner);
  uint64_t least = size ? size : *inner == GgufType::String ? 8 : 12;
  if (*count > cursor.left() / least)
    return bad(concat("an array of ", *count, " ", ggufTypeName(*inner),
                      " values runs past the end of the file (", cursor.left(),
                      " bytes left)"));
  uint64_t begin = cursor.position();
  if (size && *inner != GgufType::Bool) {
    (void)cursor.take(*count * size);
  } else {
    GgufValue element;
    for (uint64_t i = 0; i < *count; ++i)
      if (Status read = value(*inner, depth + 1, element); !read)
        return read;
  }
  out.payload = bytes.subspan(begin, cursor.position() - begin);
  return {};
}

Status GgufParser::metadata() {
  for (uint64_t i = 0; i < entryCount; ++i) {
    where = concat("metadata entry ", i);
    GgufEntry entry;
    if (Status read = string("a key", entry.key); !read)
      return read;
    if (entry.key.empty())
      return bad("its key is empty");
    where = "metadata " + inQuotes(entry.key);
    Result<GgufType> type = valueType();
    if (!type)
      return type.error();
    if (Status read = value(*type, 0, entry.value); !read)
      return read;
    if (!gguf.entryOf.try_emplace(entry.key, gguf.entries.size()).second)
      return bad("this key stands twice in the file");
    gguf.entries.push_back(entry);
  }
  where.clear();

  if (std::optional<GgufValue> given = gguf.find("general.alignment")) {
    std::optional<int64_t> wanted = given->integer();
    if (!wanted || *wanted <= 0 || (*wanted & (*wanted - 1)) != 0)
      return bad(concat("metadata 'general.alignment' must be a power of two, "
                        "not ",
                        wanted ? std::to_string(*wanted)
                               : "a value of type " +
                                     std::string(ggufTypeName(given->type()))));
    alignment = static_cast<uint64_t>(*wanted);
  }
  return {};
}

Status GgufParser::tensorTable() {
  for (uint64_t i = 0; i < tensorCount; ++i) {
    where = concat("tensor ", i);
    std::string_view name;
    if (Status read = string("a tensor's name", name); !read)
      return read;
    if (name.empty())
      return bad("its name is empty");
    where = "tensor " + inQuotes(name);
    TensorView tensor;
    tensor.name = name;

    std::optional<uint32_t> rank = cursor.read<uint32_t>();
    if (!rank)
      return cutShort("the number of its dimensions");
    if (*rank < 1 || *rank > 4)
      return bad(concat("it has ", *rank, " dimensions; 1 to 4 are possible"));
    tensor.shape.resize(*rank);
    for (uint32_t d = 0; d < *rank; ++d) {
      std::optional<int64_t> size = cursor.read<int64_t>();
      if (!size)
        return cutShort("its dimensions");
      if (*size <= 0)
        return bad(concat("dimension ", d, " has the size ", *size));
      // ggml names the contiguous dimension first.
      tensor.shape[*rank - 1 - d] = *size;
    }

    std::optional<uint32_t> number = cursor.read<uint32_t>();
    if (!number)
      return cutShort("its type");
    std::optional<ElementType> type = elementTypeOf(*number);
    if (!type)
      return bad(concat("element type ", *number, " is not known"));
    tensor.type = *type;
    if (tensor.shape.back() % blockElements(*type) != 0)
      return bad(concat(
          "rows of ", tensor.shape.back(), " elements are no whole number of ",
          elementTypeName(*type), " blocks of ", blockElements(*type)));
    std::optional<uint64_t> count = elementCount(tensor.shape);
    if (!count || !byteSize(*type, *count))
      return bad(concat("its shape ", shapeText(tensor.shape),
                        " is larger than any file"));

    std::optional<uint64_t> offset = cursor.read<uint64_t>();
    if (!offset)
      return cutShort("its offset");
    if (*offset % alignment != 0)
      return bad(concat("its offset ", *offset, " is not a multiple of the ",
                        "alignment ", alignment));
    if (!gguf.tensorOf.try_emplace(tensor.name, gguf.table.size()).second)
      return bad("this name stands twice in the file");
    offsets.push_back(*offset);
    gguf.table.push_back(std::move(tensor));
  }
  where.clear();
  return {};
}

Status GgufParser::tensorData() {
  // The data starts at the next multiple of the alignment.
  uint64_t gap = (alignment - cursor.position() % alignment) % alignment;
  if (gguf.table.empty())
    return {};
  if (gap >= cursor.left())
    return cutShort("the tensors' data");
  Bytes data = bytes.subspan(cursor.position() + gap);
  for (size_t i = 0; i < gguf.table.size(); ++i) {
    TensorView &tensor = gguf.table[i];
    uint64_t size = *byteSize(tensor.type, *elementCount(tensor.shape));
    if (offsets[i] > data.size() || size > data.size() - offsets[i])
      return Error{concat(label, ": tensor ", inQuotes(tensor.name), " of ",
                          size, " bytes at offset ", offsets[i],
                          " runs past the end of the file (", data.size(),
                          " bytes of data); is the file cut short?")};
    tensor.bytes = data.subspan(offsets[i], size);
  }

  std::vector<const TensorView *> byAddress;
  for (const TensorView &tensor : gguf.table)
    byAddress.push_back(&tensor);
  std::ranges::sort(byAddress, {},
                    [](const TensorView *t) { return t->bytes.data(); });
  for (size_t i = 1; i < byAddress.size(); ++i) {
    const TensorView &before = *byAddress[i - 1], &after = *byAddress[i];
    if (before.bytes.data() + before.bytes.size() > after.bytes.data())
      return Error{concat(label, ": tensors ", inQuotes(before.name), " and ",
                          inQuotes(after.name), " overlap")};
  }
  return {};
}

Result<Gguf> GgufParser::run() {
  using Step = Status (GgufParser::*)();
  for (Step step : {&GgufParser::header, &GgufParser::metadata,
                    &GgufParser::tensorTable, &GgufParser::tensorData})
    if (Status done = (this->*step)(); !done)
      return done.error();
  return std::move(gguf);
}

Result<Gguf> Gguf::open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Result<Gguf> gguf = parse(file->bytes(), path);
  if (gguf)
    gguf->file = std::move(*file);
  return gguf;
}

Result<Gguf> Gguf::parse(Bytes bytes, const std::string &label) {
  return GgufParser(bytes, label).run();
}

std::optional<GgufValue> Gguf::find(std::string_view key) const {
  auto at = entryOf.find(key);
  if (at == entryOf.end())
    return std::nullopt;
  return entries[at->second].value;
}

const TensorView *Gguf::tensor(std::string_view name) const {
  auto at = tensorOf.find(std::string(name));
  return at == tensorOf.end() ? nullptr : &table[at->second];
}

//===----------------------------------------------------------------------===//
// Values. What they view was checked by the parser, so reads cannot fail.
//===----------------------------------------------------------------------===//

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

std::vector<GgufValue> GgufParser::elementsOf(const GgufValue &array) {
  // The elements were read once already: the same code finds them again.
  static const std::string label;
  GgufParser again(array.payload, label);
  std::vector<GgufValue> out(array.count);
  for (GgufValue &element : out)
    (void)again.value(array.inner, 0, element);
  return out;
}

std::optional<std::vector<GgufValue>> GgufValue::elements() const {
  if (!isArray())
    return std::nullopt;
  return GgufParser::elementsOf(*this);
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
