//===- Gguf.cpp - Reader of GGUF files ------------------------------------===//
#include "runtime/formats/Gguf.h"
#include "runtime/formats/GgufReader.h"

#include <algorithm>

using namespace heed;

/// The element types that ggml numbers; the gaps are types it has withdrawn.
static std::optional<ElementType> elementTypeOf(uint32_t number) {
  using enum ElementType;
  static constexpr std::pair<uint32_t, ElementType> numbers[] = {
      {0, F32},    {1, F16},     {2, Q4_0},     {3, Q4_1},    {6, Q5_0},
      {7, Q5_1},   {8, Q8_0},    {10, Q2_K},    {11, Q3_K},   {12, Q4_K},
      {13, Q5_K},  {14, Q6_K},   {16, IQ2_XXS}, {17, IQ2_XS}, {18, IQ3_XXS},
      {19, IQ1_S}, {20, IQ4_NL}, {21, IQ3_S},   {22, IQ2_S},  {23, IQ4_XS},
      {24, I8},    {25, I16},    {26, I32},     {27, I64},    {28, F64},
      {29, IQ1_M}, {30, BF16},   {34, TQ1_0},   {35, TQ2_0},  {39, MXFP4}};
  for (const auto &[known, type] : numbers)
    if (known == number)
      return type;
  return std::nullopt;
}

namespace heed {
class GgufParser {
public:
  GgufParser(Bytes bytes, const std::string &label)
      : bytes(bytes), reader(bytes, label), label(label) {}

  Result<Gguf> run();

private:
  Status header();
  Status metadata();
  Status readAlignment();
  Status tensorTable();
  Result<TensorView> tensorInfo(uint64_t &offset);
  Status tensorData();
  Status checkOverlap() const;

  Bytes bytes;
  GgufReader reader;
  const std::string &label;
  Gguf gguf;
  uint64_t entryCount = 0, tensorCount = 0;
  uint64_t alignment = 32;
  std::vector<uint64_t> offsets; // of the tensors, from the start of the data
};
} // namespace heed

Status GgufParser::header() {
  if (!asText(bytes).starts_with("GGUF"))
    return Error{label + ": not a GGUF file: it does not start with 'GGUF'"};
  (void)reader.read<uint32_t>("its magic");
  Result<uint32_t> version = reader.read<uint32_t>("its version");
  if (!version)
    return version.error();
  if (*version != 0 && (*version & 0xffff) == 0)
    return Error{label + ": byte 4: a big-endian GGUF file; heed reads "
                         "little-endian ones"};
  if (*version != 2 && *version != 3)
    return Error{concat(label, ": byte 4: GGUF version ", *version,
                        "; heed reads 2 and 3")};
  gguf.fileVersion = *version;
  Result<uint64_t> tensors = reader.read<uint64_t>("the number of tensors");
  if (!tensors)
    return tensors.error();
  Result<uint64_t> entries =
      reader.read<uint64_t>("the number of metadata entries");
  if (!entries)
    return entries.error();
  tensorCount = *tensors;
  entryCount = *entries;

  // The least that an entry (key length, type, a byte) and a tensor (name
  // length, rank, one size, type, offset) take.
  if (entryCount > reader.left() / 13)
    return reader.bad(concat(entryCount, " metadata entries cannot stand in ",
                             reader.left(), " bytes"));
  if (tensorCount > reader.left() / 32)
    return reader.bad(concat(tensorCount, " tensors cannot stand in ",
                             reader.left(), " bytes"));
  return {};
}

Status GgufParser::metadata() {
  for (uint64_t i = 0; i < entryCount; ++i) {
    reader.nowReading(concat("metadata entry ", i));
    Result<std::string_view> key = reader.string("a key");
    if (!key)
      return key.error();
    if (key->empty())
      return reader.bad("its key is empty");
    reader.nowReading("metadata " + inQuotes(*key));
    Result<GgufType> type = reader.type();
    if (!type)
      return type.error();
    Result<GgufValue> value = reader.value(*type);
    if (!value)
      return value.error();
    if (!gguf.entryOf.try_emplace(*key, gguf.entries.size()).second)
      return reader.bad("this key stands twice in the file");
    gguf.entries.push_back({*key, *value});
  }
  reader.nowReading("");
  return {};
}

Status GgufParser::readAlignment() {
  std::optional<GgufValue> given = gguf.find("general.alignment");
  if (!given)
    return {};
  std::optional<int64_t> wanted = given->integer();
  if (!wanted || *wanted <= 0 || (*wanted & (*wanted - 1)) != 0)
    return Error{concat(
        label, ": metadata 'general.alignment' must be a power of two, not ",
        wanted ? std::to_string(*wanted)
               : concat("a value of type ", ggufTypeName(given->type())))};
  alignment = static_cast<uint64_t>(*wanted);
  return {};
}

Result<TensorView> GgufParser::tensorInfo(uint64_t &offset) {
  Result<std::string_view> name = reader.string("a tensor's name");
  if (!name)
    return name.error();
  if (name->empty())
    return reader.bad("its name is empty");
  reader.nowReading("tensor " + inQuotes(*name));
  TensorView tensor;
  tensor.name = *name;

  Result<uint32_t> rank = reader.read<uint32_t>("the number of its dimensions");
  if (!rank)
    return rank.error();
  if (*rank < 1 || *rank > 4)
    return reader.bad(
        concat("it has ", *rank, " dimensions; 1 to 4 are possible"));
  tensor.shape.resize(*rank);
  for (uint32_t d = 0; d < *rank; ++d) {
    Result<int64_t> size = reader.read<int64_t>("its dimensions");
    if (!size)
      return size.error();
    if (*size <= 0)
      return reader.bad(concat("dimension ", d, " has the size ", *size));
    // ggml names the contiguous dimension first.
    tensor.shape[*rank - 1 - d] = *size;
  }

  Result<uint32_t> number = reader.read<uint32_t>("its type");
  if (!number)
    return number.error();
  std::optional<ElementType> type = elementTypeOf(*number);
  if (!type)
    return reader.bad(concat("element type ", *number, " is not known"));
  tensor.type = *type;
  if (tensor.shape.back() % blockElements(*type) != 0)
    return reader.bad(concat(
        "rows of ", tensor.shape.back(), " elements are no whole number of ",
        elementTypeName(*type), " blocks of ", blockElements(*type)));
  std::optional<uint64_t> count = elementCount(tensor.shape);
  if (!count || !byteSize(*type, *count))
    return reader.bad(concat("its shape ", shapeText(tensor.shape),
                             " is larger than any file"));

  Result<uint64_t> start = reader.read<uint64_t>("its offset");
  if (!start)
    return start.error();
  if (*start % alignment != 0)
    return reader.bad(concat("its offset ", *start,
                             " is not a multiple of the alignment ",
                             alignment));
  offset = *start;
  return tensor;
}

Status GgufParser::tensorTable() {
  for (uint64_t i = 0; i < tensorCount; ++i) {
    reader.nowReading(concat("tensor ", i));
    Result<TensorView> tensor = tensorInfo(offsets.emplace_back());
    if (!tensor)
      return tensor.error();
    if (!gguf.tensorOf.try_emplace(tensor->name, gguf.table.size()).second)
      return reader.bad("this name stands twice in the file");
    gguf.table.push_back(std::move(*tensor));
  }
  reader.nowReading("");
  return {};
}

Status GgufParser::tensorData() {
  if (gguf.table.empty())
    return {};
  // The data starts at the next multiple of the alignment.
  uint64_t gap = (alignment - reader.position() % alignment) % alignment;
  if (gap >= reader.left())
    return reader.bad(concat("the file ends before the tensors' data (",
                             reader.left(), " bytes left)"));
  Bytes data = bytes.subspan(reader.position() + gap);
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
  return checkOverlap();
}

Status GgufParser::checkOverlap() const {
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
  for (Step step :
       {&GgufParser::header, &GgufParser::metadata, &GgufParser::readAlignment,
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
