//===- Safetensors.cpp - Reader of safetensors files ----------------------===//
#include "runtime/formats/Safetensors.h"
#include "runtime/formats/Cursor.h"
#include "runtime/formats/Json.h"
#include "runtime/support/Text.h"

#include <algorithm>

using namespace heed;
using nlohmann::json;

// The reference reader's own limit.
static constexpr uint64_t longestHeader = 100'000'000;

static std::optional<ElementType> elementTypeOf(std::string_view dtype) {
  static constexpr std::pair<std::string_view, ElementType> names[] = {
      {"F64", ElementType::F64},        {"F32", ElementType::F32},
      {"F16", ElementType::F16},        {"BF16", ElementType::BF16},
      {"F8_E4M3", ElementType::F8E4M3}, {"F8_E5M2", ElementType::F8E5M2},
      {"BOOL", ElementType::Bool},      {"U8", ElementType::U8},
      {"I8", ElementType::I8},          {"U16", ElementType::U16},
      {"I16", ElementType::I16},        {"U32", ElementType::U32},
      {"I32", ElementType::I32},        {"U64", ElementType::U64},
      {"I64", ElementType::I64},
  };
  for (const auto &[name, type] : names)
    if (name == dtype)
      return type;
  return std::nullopt;
}

/// `value` as a non-negative integer that fits int64.
static std::optional<int64_t> natural(const json &value) {
  const auto *number = value.get_ptr<const json::number_unsigned_t *>();
  if (!number || *number > INT64_MAX)
    return std::nullopt;
  return static_cast<int64_t>(*number);
}

/// One entry of the header: {"dtype": "F32", "shape": [2, 3], "data_offsets":
/// [0, 24]}, offsets counted from the start of `data`.
static Result<TensorView> readTensor(const std::string &name, const json &entry,
                                     Bytes data, const std::string &label) {
  auto bad = [&](const auto &...what) {
    return Error{concat(label, ": tensor ", inQuotes(name), ": ", what...)};
  };
  auto field = [&](const char *key) -> const json * {
    auto at = entry.find(key);
    return at == entry.end() ? nullptr : &*at;
  };
  if (!entry.is_object())
    return bad("expected an object with dtype, shape and data_offsets");

  TensorView tensor;
  tensor.name = name;
  const json *dtype = field("dtype");
  if (!dtype || !dtype->is_string())
    return bad("'dtype' must be a string");
  const auto &dtypeName = dtype->get_ref<const std::string &>();
  std::optional<ElementType> type = elementTypeOf(dtypeName);
  if (!type)
    return bad("dtype ", inQuotes(dtypeName), " is not known");
  tensor.type = *type;

  const json *shape = field("shape");
  if (!shape || !shape->is_array())
    return bad("'shape' must be a list of sizes");
  for (const json &element : *shape) {
    std::optional<int64_t> size = natural(element);
    if (!size)
      return bad("'shape' must hold integers from 0");
    tensor.shape.push_back(*size);
  }

  const json *offsets = field("data_offsets");
  if (!offsets || !offsets->is_array() || offsets->size() != 2)
    return bad("'data_offsets' must be a list of two integers");
  std::optional<int64_t> begin = natural((*offsets)[0]);
  std::optional<int64_t> end = natural((*offsets)[1]);
  if (!begin || !end || *begin > *end)
    return bad("'data_offsets' must be two integers from 0, the second not "
               "less than the first");
  if (static_cast<uint64_t>(*end) > data.size())
    return bad("its data ends at offset ", *end, ", but the file holds ",
               data.size(), " bytes of data; is the file cut short?");

  std::optional<uint64_t> count = elementCount(tensor.shape);
  std::optional<uint64_t> size =
      count ? byteSize(tensor.type, *count) : std::nullopt;
  if (!size)
    return bad("its shape ", shapeText(tensor.shape),
               " is larger than any file");
  if (*size != static_cast<uint64_t>(*end - *begin))
    return bad(elementTypeName(tensor.type), shapeText(tensor.shape), " takes ",
               *size, " bytes, but its data_offsets span ", *end - *begin);
  tensor.bytes = data.subspan(*begin, *size);
  return tensor;
}

/// The tensors must cover the data exactly.
static Status checkCover(const std::vector<TensorView> &table, Bytes data,
                         const std::string &label) {
  std::vector<const TensorView *> byAddress;
  for (const TensorView &tensor : table)
    if (!tensor.bytes.empty())
      byAddress.push_back(&tensor);
  std::ranges::sort(byAddress, {},
                    [](const TensorView *t) { return t->bytes.data(); });
  uint64_t covered = 0;
  const TensorView *before = nullptr;
  for (const TensorView *tensor : byAddress) {
    uint64_t begin = tensor->bytes.data() - data.data();
    if (begin < covered)
      return Error{concat(label, ": tensors ", inQuotes(before->name), " and ",
                          inQuotes(tensor->name), " overlap")};
    if (begin > covered)
      return Error{concat(label, ": ", begin - covered,
                          " bytes of data before tensor ",
                          inQuotes(tensor->name), " belong to no tensor")};
    covered = begin + tensor->bytes.size();
    before = tensor;
  }
  if (covered != data.size())
    return Error{concat(label, ": ", data.size() - covered,
                        " bytes at the end of the file belong to no tensor")};
  return {};
}

Result<Safetensors> Safetensors::parse(Bytes bytes, const std::string &label) {
  Cursor cursor(bytes);
  std::optional<uint64_t> length = cursor.read<uint64_t>();
  if (!length)
    return Error{concat(label, ": not a safetensors file: it has ",
                        bytes.size(), " bytes, less than a header's length")};
  if (*length > longestHeader)
    return Error{concat(label, ": the header's length ", *length,
                        " is over the limit of ", longestHeader, " bytes")};
  std::optional<Bytes> header = cursor.take(*length);
  if (!header)
    return Error{concat(label, ": the header of ", *length,
                        " bytes runs past the end of the file (", cursor.left(),
                        " bytes left); is the file cut short?")};
  Bytes data = *cursor.take(cursor.left());

  Result<json> root = parseJson(asText(*header), label + ": header");
  if (!root)
    return root.error();
  if (!root->is_object())
    return Error{label + ": header: expected an object of tensors"};

  Safetensors out;
  for (const auto &[name, entry] : root->items()) {
    if (name == "__metadata__") {
      if (!entry.is_object())
        return Error{label + ": '__metadata__' must map strings to strings"};
      for (const auto &[key, note] : entry.items()) {
        if (!note.is_string())
          return Error{label + ": '__metadata__' must map strings to strings"};
        out.notes.emplace(key, note.get_ref<const std::string &>());
      }
      continue;
    }
    Result<TensorView> tensor = readTensor(name, entry, data, label);
    if (!tensor)
      return tensor.error();
    out.table.push_back(std::move(*tensor));
  }
  if (Status covered = checkCover(out.table, data, label); !covered)
    return covered.error();
  return out;
}

Result<Safetensors> Safetensors::open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Result<Safetensors> out = parse(file->bytes(), path);
  if (out)
    out->file = std::move(*file);
  return out;
}
