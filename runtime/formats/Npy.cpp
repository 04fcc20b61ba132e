//===- Npy.cpp - numpy arrays in files ------------------------------------===//
#include "runtime/formats/Npy.h"
#include "runtime/formats/Cursor.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/Text.h"

using namespace heed;

static constexpr std::string_view magic = "\x93NUMPY";

namespace {

struct NpyType {
  std::string_view descr;
  ElementType type;
};
constexpr NpyType types[] = {
    {"<f4", ElementType::F32},  {"<f8", ElementType::F64},
    {"<i4", ElementType::I32},  {"<i8", ElementType::I64},
    {"|b1", ElementType::Bool},
};

struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// Reads the header: one dictionary literal of Python with three known keys,
/// in any order, spaced in any way.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  /// Empty, or what was expected; at() tells where.
  std::string run(Header &header);
  size_t at() const { return position; }

private:
  static constexpr size_t deepestShape = 64; // numpy's own limit

  void skipSpace();
  bool eat(char c);
  bool eatWord(std::string_view word);
  bool string(std::string &out);
  bool integer(int64_t &out);
  bool shape(std::vector<int64_t> &out);

  std::string_view text;
  size_t position = 0;
};

} // namespace

void HeaderParser::skipSpace() {
  while (position < text.size() &&
         (text[position] == ' ' || text[position] == '\n' ||
          text[position] == '\t' || text[position] == '\r'))
    ++position;
}

bool HeaderParser::eat(char c) {
  skipSpace();
  if (position == text.size() || text[position] != c)
    return false;
  ++position;
  return true;
}

bool HeaderParser::eatWord(std::string_view word) {
  skipSpace();
  if (!text.substr(position).starts_with(word))
    return false;
  position += word.size();
  return true;
}

bool HeaderParser::string(std::string &out) {
  char quote = eat('\'') ? '\'' : eat('"') ? '"' : 0;
  if (!quote)
    return false;
  size_t end = text.find(quote, position);
  if (end == std::string_view::npos)
    return false;
  out = text.substr(position, end - position);
  position = end + 1;
  return true;
}

bool HeaderParser::integer(int64_t &out) {
  skipSpace();
  size_t begin = position;
  out = 0;
  for (;
       position < text.size() && text[position] >= '0' && text[position] <= '9';
       ++position)
    if (__builtin_mul_overflow(out, int64_t(10), &out) ||
        __builtin_add_overflow(out, int64_t(text[position] - '0'), &out))
      return false;
  eat('L'); // written by Python 2
  return position > begin;
}

bool HeaderParser::shape(std::vector<int64_t> &out) {
  if (!eat('('))
    return false;
  while (!eat(')')) {
    int64_t size;
    if (out.size() == deepestShape || !integer(size))
      return false;
    out.push_back(size);
    if (!eat(',')) {
      // (3) is a number, (3,) is a tuple.
      return out.size() > 1 && eat(')');
    }
  }
  return true;
}

std::string HeaderParser::run(Header &header) {
  bool haveDescr = false, haveOrder = false, haveShape = false;
  if (!eat('{'))
    return "expected '{'";
  while (!eat('}')) {
    std::string key;
    if (!string(key))
      return "expected a key in quotes or '}'";
    if (!eat(':'))
      return "expected ':'";
    if (key == "descr" && !std::exchange(haveDescr, true)) {
      if (!string(header.descr))
        return "expected a type in quotes (arrays of records cannot be read)";
    } else if (key == "fortran_order" && !std::exchange(haveOrder, true)) {
      header.fortranOrder = eatWord("True");
      if (!header.fortranOrder && !eatWord("False"))
        return "expected True or False";
    } else if (key == "shape" && !std::exchange(haveShape, true)) {
      if (!shape(header.shape))
        return "expected a tuple of sizes";
    } else {
      return "the key " + inQuotes(key) + " is unknown or stands twice";
    }
    if (!eat(',')) {
      if (!eat('}'))
        return "expected ',' or '}'";
      break;
    }
  }
  skipSpace();
  if (position != text.size())
    return "expected nothing after '}'";
  if (!haveDescr || !haveOrder || !haveShape)
    return "one of descr, fortran_order and shape is missing";
  return {};
}

Result<Npy> Npy::parse(Bytes bytes, const std::string &label) {
  auto bad = [&](const auto &...what) {
    return Error{concat(label, ": ", what...)};
  };
  Cursor cursor(bytes);
  std::optional<Bytes> start = cursor.take(magic.size());
  if (!start || asText(*start) != magic)
    return bad("not an npy file: it does not start with '\\x93NUMPY'");
  std::optional<uint8_t> major = cursor.read<uint8_t>();
  std::optional<uint8_t> minor = cursor.read<uint8_t>();
  if (!major || !minor)
    return bad("the file ends before its version");
  if (*major < 1 || *major > 3 || *minor != 0)
    return bad("npy version ", *major, ".", *minor,
               "; 1.0, 2.0 and 3.0 can be read");
  std::optional<uint32_t> length;
  if (*major > 1)
    length = cursor.read<uint32_t>();
  else if (std::optional<uint16_t> shorter = cursor.read<uint16_t>())
    length = *shorter;
  if (!length)
    return bad("the file ends before the header's length");
  uint64_t headerAt = cursor.position();
  std::optional<Bytes> headerBytes = cursor.take(*length);
  if (!headerBytes)
    return bad("the header of ", *length, " bytes runs past the end of the ",
               "file (", cursor.left(), " bytes left)");

  Header header;
  HeaderParser parser(asText(*headerBytes));
  if (std::string problem = parser.run(header); !problem.empty())
    return bad("byte ", headerAt + parser.at(), ": header: ", problem);

  Npy out;
  out.tensor.name = label;
  out.tensor.shape = header.shape;
  const NpyType *found = nullptr;
  for (const NpyType &candidate : types)
    if (candidate.descr == header.descr)
      found = &candidate;
  if (!found && header.descr.starts_with('>'))
    return bad("elements of type ", inQuotes(header.descr),
               " are big-endian; save them little-endian");
  if (!found)
    return bad("elements of type ", inQuotes(header.descr),
               " cannot be read; f32, f64, i32, i64 and bool can");
  out.tensor.type = found->type;
  if (header.fortranOrder)
    return bad("the array is in Fortran order; save it in C order "
               "(numpy.ascontiguousarray)");

  std::optional<uint64_t> count = elementCount(header.shape);
  std::optional<uint64_t> size =
      count ? byteSize(found->type, *count) : std::nullopt;
  if (!size)
    return bad("its shape ", shapeText(header.shape),
               " is larger than any file");
  if (*size != cursor.left())
    return bad(elementTypeName(found->type), shapeText(header.shape), " takes ",
               *size, " bytes, but ", cursor.left(), " follow the header");
  out.tensor.bytes = *cursor.take(*size);
  return out;
}

Result<Npy> Npy::open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Result<Npy> out = parse(file->bytes(), path);
  if (out)
    out->file = std::move(*file);
  return out;
}

/// Every element, stored as `From`, as a `To`.
template <typename From, typename To>
static std::vector<To> converted(Bytes bytes) {
  Cursor cursor(bytes);
  std::vector<To> out;
  out.reserve(bytes.size() / sizeof(From));
  while (std::optional<From> element = cursor.read<From>())
    out.push_back(static_cast<To>(*element));
  return out;
}

Result<std::vector<int64_t>> Npy::integers() const {
  switch (tensor.type) {
  case ElementType::I32:
    return converted<int32_t, int64_t>(tensor.bytes);
  case ElementType::I64:
    return converted<int64_t, int64_t>(tensor.bytes);
  case ElementType::Bool:
    return converted<uint8_t, int64_t>(tensor.bytes);
  default:
    return Error{concat(tensor.name, ": expected integers, found ",
                        elementTypeName(tensor.type))};
  }
}

Result<std::vector<float>> Npy::floats() const {
  switch (tensor.type) {
  case ElementType::F32:
    return converted<float, float>(tensor.bytes);
  case ElementType::F64:
    return converted<double, float>(tensor.bytes);
  default:
    return Error{concat(tensor.name, ": expected floating-point numbers, ",
                        "found ", elementTypeName(tensor.type))};
  }
}

static Status writeNpyBytes(const std::string &path, std::string_view descr,
                            std::span<const int64_t> shape, uint64_t elements,
                            Bytes bytes) {
  if (elementCount(shape) != elements)
    return Error{concat(path, ": an array of shape ", shapeText(shape),
                        " cannot have ", elements, " elements")};
  std::string header =
      concat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (");
  for (size_t i = 0; i < shape.size(); ++i)
    header += concat(shape[i], shape.size() == 1      ? ","
                               : i + 1 < shape.size() ? ", "
                                                      : "");
  header += "), }";
  // The elements start at a multiple of 64; a newline ends the header.
  size_t before = magic.size() + 4;
  header.resize((before + header.size() + 1 + 63) / 64 * 64 - before - 1, ' ');
  header += '\n';
  std::string start(magic);
  start += {1, 0, static_cast<char>(header.size() & 255),
            static_cast<char>(header.size() >> 8)};
  start += header;

  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.error();
  Bytes startBytes(reinterpret_cast<const uint8_t *>(start.data()),
                   start.size());
  if (Status done = file->append(startBytes); !done)
    return done;
  if (Status done = file->append(bytes); !done)
    return done;
  return file->commit();
}

template <typename T> static Bytes bytesOf(std::span<const T> elements) {
  return {reinterpret_cast<const uint8_t *>(elements.data()),
          elements.size_bytes()};
}

Status heed::writeNpy(const std::string &path, std::span<const int64_t> shape,
                      std::span<const float> elements) {
  return writeNpyBytes(path, "<f4", shape, elements.size(), bytesOf(elements));
}

Status heed::writeNpy(const std::string &path, std::span<const int64_t> shape,
                      std::span<const int32_t> elements) {
  return writeNpyBytes(path, "<i4", shape, elements.size(), bytesOf(elements));
}

Status heed::writeNpy(const std::string &path, std::span<const int64_t> shape,
                      std::span<const int64_t> elements) {
  return writeNpyBytes(path, "<i8", shape, elements.size(), bytesOf(elements));
}
