// Reading of GGUF files: what is in a good one, and what each bad one is told.
#include "runtime/formats/Gguf.h"
#include "tests/runtime/TestFiles.h"

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

namespace {

std::string text(std::string_view value) {
  return ByteWriter().put<uint64_t>(value.size()).raw(value).bytes;
}
template <typename T>
std::string entry(std::string_view key, GgufType type, T value) {
  return ByteWriter()
      .raw(text(key))
      .put(static_cast<uint32_t>(type))
      .put(value)
      .bytes;
}
std::string stringEntry(std::string_view key, std::string_view value) {
  return ByteWriter().raw(text(key)).put<uint32_t>(8).raw(text(value)).bytes;
}
/// An array entry; `elements` as they stand in the file.
std::string arrayEntry(std::string_view key, GgufType inner, uint64_t count,
                       std::string_view elements) {
  return ByteWriter()
      .raw(text(key))
      .put<uint32_t>(9)
      .put(static_cast<uint32_t>(inner))
      .put(count)
      .raw(elements)
      .bytes;
}

struct Info {
  std::string name;
  std::vector<int64_t> dims; // as in the file: contiguous first
  uint32_t type = 0;
  uint64_t offset = 0;
};

/// A small good file, one field of which a test may spoil.
struct File {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> entryCount, tensorCount;
  std::vector<std::string> entries = {
      stringEntry("general.architecture", "llama"),
      entry<uint32_t>("llama.block_count", GgufType::U32, 30)};
  // f32[2, 3] at 0, q4_1[1, 32] at 32.
  std::vector<Info> tensors = {{"a", {3, 2}, 0, 0}, {"b", {32, 1}, 3, 32}};
  size_t alignment = 32;
  std::string data =
      std::string(24, 'A') + std::string(8, '\0') + std::string(20, 'B');

  std::string bytes() const {
    ByteWriter out;
    out.raw(magic).put(version);
    out.put<uint64_t>(tensorCount.value_or(tensors.size()));
    out.put<uint64_t>(entryCount.value_or(entries.size()));
    for (const std::string &each : entries)
      out.raw(each);
    for (const Info &info : tensors) {
      out.raw(text(info.name)).put<uint32_t>(info.dims.size());
      for (int64_t size : info.dims)
        out.put(size);
      out.put(info.type).put(info.offset);
    }
    return out.pad(alignment).raw(data).bytes;
  }
};

/// The message for a file that must not be read.
std::string refusal(std::string_view bytes) {
  GuardedBytes guarded(bytes);
  Result<Gguf> gguf = Gguf::parse(guarded.bytes(), "m.gguf");
  if (gguf)
    return "(was read)";
  CHECK(gguf.error().text.find('\n') == std::string::npos);
  CHECK_THAT(gguf.error().text, Catch::Matchers::StartsWith("m.gguf: "));
  return gguf.error().text;
}
std::string refusal(const File &file) { return refusal(file.bytes()); }

uint64_t touch(const GgufValue &value) {
  uint64_t total = 0;
  (void)value.integer(), (void)value.number(), (void)value.boolean();
  if (auto string = value.string())
    total += sum(*string);
  if (auto elements = value.elements())
    for (const GgufValue &element : *elements)
      total += touch(element);
  return total;
}

} // namespace

TEST_CASE("gguf: tensors of versions 2 and 3, shapes row-major") {
  File file;
  file.version = GENERATE(2u, 3u);
  std::string bytes = file.bytes();
  Result<Gguf> gguf = Gguf::parse(asBytes(bytes), "m.gguf");
  REQUIRE(gguf);
  CHECK(gguf->version() == file.version);
  REQUIRE(gguf->tensors().size() == 2);
  const TensorView &a = gguf->tensors()[0];
  CHECK(a.name == "a");
  CHECK(a.type == ElementType::F32);
  CHECK(a.shape == std::vector<int64_t>{2, 3});
  CHECK(std::string(a.bytes.begin(), a.bytes.end()) == std::string(24, 'A'));
  const TensorView *b = gguf->tensor("b");
  REQUIRE(b);
  CHECK(b->type == ElementType::Q4_1);
  CHECK(b->shape == std::vector<int64_t>{1, 32});
  CHECK(std::string(b->bytes.begin(), b->bytes.end()) == std::string(20, 'B'));
  CHECK(gguf->tensor("c") == nullptr);
}

TEST_CASE("gguf: metadata of every type") {
  using enum GgufType;
  File file;
  file.entries = {
      entry<uint8_t>("u8", U8, 200),
      entry<int8_t>("i8", I8, -100),
      entry<uint16_t>("u16", U16, 60000),
      entry<int16_t>("i16", I16, -30000),
      entry<uint32_t>("u32", U32, 4000000000u),
      entry<int32_t>("i32", I32, -2000000000),
      entry<float>("f32", F32, 1.5f),
      entry<uint8_t>("yes", Bool, 1),
      entry<uint8_t>("no", Bool, 0),
      stringEntry("string", std::string("a\0\xff", 3)),
      entry<uint64_t>("u64", U64, UINT64_MAX),
      entry<int64_t>("i64", I64, INT64_MIN),
      entry<double>("f64", F64, -0.125),
      arrayEntry("strings", String, 3, text("") + text("b") + text("cc")),
      arrayEntry("floats", F32, 2, ByteWriter().put(0.5f).put(-2.0f).bytes),
      arrayEntry("ints", I32, 2,
                 ByteWriter().put<int32_t>(-1).put<int32_t>(7).bytes),
      arrayEntry("bools", Bool, 2, std::string("\1\0", 2)),
      arrayEntry("none", String, 0, ""),
      arrayEntry("nested", Array, 2,
                 ByteWriter()
                     .put<uint32_t>(0)
                     .put<uint64_t>(2)
                     .raw("\x05\x06")
                     .put<uint32_t>(8)
                     .put<uint64_t>(1)
                     .raw(text("x"))
                     .bytes)};
  std::string bytes = file.bytes();
  Result<Gguf> gguf = Gguf::parse(asBytes(bytes), "m.gguf");
  REQUIRE(gguf);
  CHECK(gguf->metadata().size() == file.entries.size());
  CHECK(gguf->metadata()[1].key == "i8");
  CHECK(gguf->find("u8")->integer() == 200);
  CHECK(gguf->find("i8")->integer() == -100);
  CHECK(gguf->find("u16")->integer() == 60000);
  CHECK(gguf->find("i16")->integer() == -30000);
  CHECK(gguf->find("u32")->integer() == 4000000000);
  CHECK(gguf->find("i32")->integer() == -2000000000);
  CHECK(gguf->find("i32")->number() == -2e9);
  CHECK(gguf->find("f32")->number() == 1.5);
  CHECK(gguf->find("yes")->boolean() == true);
  CHECK(gguf->find("no")->boolean() == false);
  CHECK(gguf->find("string")->string() == std::string("a\0\xff", 3));
  CHECK(gguf->find("i64")->integer() == INT64_MIN);
  CHECK(gguf->find("f64")->number() == -0.125);
  CHECK(gguf->find("strings")->strings() ==
        std::vector<std::string_view>{"", "b", "cc"});
  CHECK(gguf->find("floats")->numbers() == std::vector<double>{0.5, -2});
  CHECK(gguf->find("ints")->integers() == std::vector<int64_t>{-1, 7});
  CHECK(gguf->find("bools")->booleans() == std::vector<bool>{true, false});
  CHECK(gguf->find("none")->strings()->empty());
  CHECK(gguf->find("none")->elementType() == String);
  auto nested = gguf->find("nested")->elements();
  REQUIRE(nested);
  CHECK(nested->at(0).integers() == std::vector<int64_t>{5, 6});
  CHECK(nested->at(1).strings() == std::vector<std::string_view>{"x"});

  // Another kind, or no room for it, is nothing rather than a guess.
  CHECK_FALSE(gguf->find("u64")->integer());
  CHECK(gguf->find("u64")->number() == 0x1p64);
  CHECK_FALSE(gguf->find("f32")->integer());
  CHECK_FALSE(gguf->find("u8")->boolean());
  CHECK_FALSE(gguf->find("u8")->strings());
  CHECK_FALSE(gguf->find("ints")->strings());
  CHECK_FALSE(gguf->find("ints")->integer());
  CHECK_FALSE(gguf->find("missing"));
}

TEST_CASE("gguf: the file's own alignment places the data") {
  File file;
  file.alignment = 64;
  file.entries.push_back(
      entry<uint32_t>("general.alignment", GgufType::U32, 64));
  file.tensors[1].offset = 64;
  file.data.insert(24, 32, '\0');
  std::string bytes = file.bytes();
  Result<Gguf> gguf = Gguf::parse(asBytes(bytes), "m.gguf");
  REQUIRE(gguf);
  CHECK(gguf->tensors()[0].bytes[0] == 'A');
  CHECK(gguf->tensors()[1].bytes[0] == 'B');
}

TEST_CASE("gguf: a file without tensors is metadata alone") {
  File file;
  file.tensors.clear();
  file.data.clear();
  std::string bytes = file.bytes();
  Result<Gguf> gguf = Gguf::parse(asBytes(bytes), "m.gguf");
  REQUIRE(gguf);
  CHECK(gguf->metadata().size() == 2);
  CHECK(gguf->tensors().empty());
}

TEST_CASE("gguf: views outlive a move of the reader") {
  TempFolder folder;
  Result<Gguf> gguf = Gguf::open(folder.write("m.gguf", File().bytes()));
  REQUIRE(gguf);
  Gguf moved = std::move(*gguf);
  CHECK(moved.find("general.architecture")->string() == "llama");
  CHECK(moved.tensor("b")->bytes[0] == 'B');
}

TEST_CASE("gguf: cut short in every section") {
  File file;
  std::string whole = file.bytes();
  auto cutAt = [&](size_t length) { return refusal(whole.substr(0, length)); };
  CHECK_THAT(cutAt(0), Contains("not a GGUF file"));
  CHECK_THAT(cutAt(3), Contains("not a GGUF file"));
  CHECK_THAT(cutAt(7), Contains("byte 4: the file ends before its version"));
  CHECK_THAT(cutAt(15), Contains("before the number of tensors"));
  CHECK_THAT(cutAt(23), Contains("before the number of metadata entries"));
  CHECK_THAT(cutAt(24), Contains("2 metadata entries cannot stand in 0 bytes"));

  // With room behind the counts, the sections themselves are short.
  file.tensorCount = file.entryCount = 1;
  file.entries = {text("key")};
  file.tensors.clear();
  file.data.clear();
  file.alignment = 1;
  file.tensorCount = 0;
  file.entries = {text("a longer key")};
  CHECK_THAT(refusal(file), Contains("metadata 'a longer key': the file ends "
                                     "before a value's type (0 bytes left)"));
  file.entries = {text("a longer key") +
                  ByteWriter().put<uint32_t>(10).put<uint32_t>(1).bytes};
  CHECK_THAT(refusal(file), Contains("before a value of type u64"));
  file.entries = {text("a longer key") + ByteWriter().put<uint32_t>(9).bytes};
  CHECK_THAT(refusal(file), Contains("before a value's type"));
  file.entries = {text("a longer key") +
                  ByteWriter().put<uint32_t>(9).put<uint32_t>(4).bytes};
  CHECK_THAT(refusal(file), Contains("before the length of an array"));
  file.entries = {text("a longer key") + ByteWriter().put<uint32_t>(8).bytes};
  CHECK_THAT(refusal(file), Contains("before a string's length"));

  File infos;
  infos.entries.clear();
  infos.tensors = {{"a name of forty bytes, give or take a few", {3, 2}}};
  std::string good = infos.bytes();
  size_t name = 24 + 8 + infos.tensors[0].name.size();
  auto infoCut = [&](size_t length) {
    return refusal(good.substr(0, name + length));
  };
  CHECK_THAT(infoCut(0), Contains("before the number of its dimensions"));
  CHECK_THAT(infoCut(4 + 15), Contains("before its dimensions"));
  CHECK_THAT(infoCut(4 + 16), Contains("before its type"));
  CHECK_THAT(infoCut(4 + 16 + 4), Contains("before its offset"));
  CHECK_THAT(infoCut(4 + 16 + 4 + 8), Contains("before the tensors' data"));
  CHECK_THAT(
      refusal(whole.substr(0, whole.size() - 1)),
      Contains("tensor 'b' of 20 bytes at offset 32 runs past the end "
               "of the file (51 bytes of data); is the file cut short?"));
}

TEST_CASE("gguf: the magic and the version") {
  File file;
  file.magic = "GGML";
  CHECK_THAT(refusal(file), Contains("does not start with 'GGUF'"));
  file.magic = "GGUF";
  file.version = 1;
  CHECK_THAT(refusal(file), Contains("GGUF version 1; heed reads 2 and 3"));
  file.version = 99;
  CHECK_THAT(refusal(file), Contains("GGUF version 99; heed reads 2 and 3"));
  file.version = 0;
  CHECK_THAT(refusal(file), Contains("GGUF version 0"));
  file.version = 0x03000000;
  CHECK_THAT(refusal(file), Contains("big-endian"));
}

TEST_CASE("gguf: lying counts allocate nothing") {
  File file;
  file.entryCount = UINT64_MAX;
  CHECK_THAT(refusal(file), Contains("18446744073709551615 metadata entries "
                                     "cannot stand in"));
  file.entryCount.reset();
  file.tensorCount = uint64_t(1) << 61;
  CHECK_THAT(refusal(file), Contains("2305843009213693952 tensors cannot"));
  file.tensorCount = 3;
  CHECK_THAT(refusal(file), Contains("tensor"));
  file.tensorCount.reset();
  file.entryCount = 3; // the first tensor is taken for an entry
  CHECK_THAT(refusal(file), Contains("tensor 0: a tensor's name"));
  file.entryCount.reset();

  for (uint64_t count : {UINT64_MAX, uint64_t(1) << 62, uint64_t(1000)}) {
    file.entries = {arrayEntry("x", GgufType::F64, count, "12345678")};
    CHECK_THAT(refusal(file), Contains("f64 values runs past the end"));
    file.entries = {arrayEntry("x", GgufType::String, count, "12345678")};
    CHECK_THAT(refusal(file), Contains("string values runs past the end"));
    file.entries = {arrayEntry("x", GgufType::Array, count, "12345678")};
    CHECK_THAT(refusal(file), Contains("array values runs past the end"));
  }
}

TEST_CASE("gguf: lying string lengths") {
  for (uint64_t length : {UINT64_MAX, uint64_t(1) << 63, uint64_t(100000)}) {
    std::string lie = ByteWriter().put(length).raw("abcdefghijk").bytes;
    File file;
    file.entries[0] = lie;
    CHECK_THAT(refusal(file),
               Contains("metadata entry 0: a key of " + std::to_string(length) +
                        " bytes runs past the end"));
    file.entries[0] = text("key") + ByteWriter().put<uint32_t>(8).bytes + lie;
    CHECK_THAT(refusal(file), Contains("metadata 'key': a string of "));
    file.entries[0] = arrayEntry("key", GgufType::String, 1, lie);
    CHECK_THAT(refusal(file), Contains("metadata 'key': a string of "));
  }
  File file;
  file.entries[0] = entry<uint32_t>("", GgufType::U32, 1);
  CHECK_THAT(refusal(file), Contains("its key is empty"));
  file = File();
  file.tensors[0].name = "";
  CHECK_THAT(refusal(file), Contains("tensor 0: its name is empty"));
}

TEST_CASE("gguf: values that do not exist") {
  File file;
  file.entries[0] = entry<uint32_t>("key", static_cast<GgufType>(13), 0);
  CHECK_THAT(refusal(file), Contains("value type 13 does not exist"));
  file.entries[0] =
      arrayEntry("key", static_cast<GgufType>(0xffffffff), 1, "12345678");
  CHECK_THAT(refusal(file), Contains("value type 4294967295 does not exist"));
  file.entries[0] = entry<uint8_t>("key", GgufType::Bool, 2);
  CHECK_THAT(refusal(file), Contains("a bool is 0 or 1, not 2"));
  file.entries[0] = arrayEntry("key", GgufType::Bool, 2, "\1\7");
  CHECK_THAT(refusal(file), Contains("a bool is 0 or 1, not 7"));
}

TEST_CASE("gguf: arrays nested too deep") {
  auto nested = [](int depth) {
    ByteWriter out;
    out.raw(text("key")).put<uint32_t>(9);
    for (int i = 1; i < depth; ++i)
      out.put<uint32_t>(9).put<uint64_t>(1);
    File file;
    file.entries[0] = out.put<uint32_t>(0).put<uint64_t>(1).raw("x").bytes;
    return refusal(file);
  };
  CHECK(nested(4) == "(was read)");
  CHECK_THAT(nested(5), Contains("arrays nested more than 4 deep"));
  CHECK_THAT(nested(100000), Contains("arrays nested more than 4 deep"));
}

TEST_CASE("gguf: duplicates") {
  File file;
  file.entries.push_back(file.entries[0]);
  CHECK_THAT(refusal(file), Contains("metadata 'general.architecture': this "
                                     "key stands twice in the file"));
  file = File();
  file.tensors[1].name = "a";
  CHECK_THAT(refusal(file),
             Contains("tensor 'a': this name stands twice in the file"));
}

TEST_CASE("gguf: alignments that are none") {
  auto aligned = [](std::string alignment) {
    File file;
    file.entries.push_back(alignment);
    return refusal(file);
  };
  std::string key = "general.alignment";
  CHECK_THAT(aligned(entry<uint32_t>(key, GgufType::U32, 0)),
             Contains("must be a power of two, not 0"));
  CHECK_THAT(aligned(entry<uint32_t>(key, GgufType::U32, 48)),
             Contains("must be a power of two, not 48"));
  CHECK_THAT(aligned(entry<int32_t>(key, GgufType::I32, -32)),
             Contains("must be a power of two, not -32"));
  CHECK_THAT(aligned(entry<float>(key, GgufType::F32, 32)),
             Contains("must be a power of two, not a value of type f32"));
  CHECK_THAT(aligned(entry<uint64_t>(key, GgufType::U64, uint64_t(1) << 62)),
             Contains("tensor 'b': its offset 32 is not a multiple"));
  File file;
  file.tensors[1].offset = 33;
  CHECK_THAT(refusal(file),
             Contains("its offset 33 is not a multiple of the alignment 32"));
}

TEST_CASE("gguf: shapes that cannot be") {
  auto shaped = [](std::vector<int64_t> dims, uint32_t type = 0) {
    File file;
    file.tensors[0].dims = dims;
    file.tensors[0].type = type;
    return refusal(file);
  };
  CHECK_THAT(shaped({}), Contains("it has 0 dimensions; 1 to 4 are possible"));
  CHECK_THAT(shaped({1, 1, 1, 1, 1}), Contains("it has 5 dimensions"));
  CHECK_THAT(shaped({3, 0}), Contains("dimension 1 has the size 0"));
  CHECK_THAT(shaped({-3, 2}), Contains("dimension 0 has the size -3"));
  int64_t huge = int64_t(1) << 32;
  CHECK_THAT(shaped({huge, huge}), Contains("larger than any file"));
  CHECK_THAT(shaped({INT64_MAX}, 28), Contains("larger than any file"));
  CHECK_THAT(shaped({huge, huge / 8}), Contains("runs past the end"));
  CHECK_THAT(shaped({48, 2}, 3),
             Contains("rows of 48 elements are no whole number of q4_1 "
                      "blocks of 32"));
  CHECK_THAT(shaped({3, 2}, 4), Contains("element type 4 is not known"));
  CHECK_THAT(shaped({3, 2}, 0xffffffff),
             Contains("element type 4294967295 is not known"));
}

TEST_CASE("gguf: tensors that overlap or leave the file") {
  File file;
  file.tensors[1].offset = 0;
  CHECK_THAT(refusal(file), Contains("overlap"));
  file.tensors[1].offset = 64;
  CHECK_THAT(refusal(file), Contains("tensor 'b' of 20 bytes at offset 64 runs "
                                     "past the end"));
  file.tensors[1].offset = UINT64_MAX - 31;
  CHECK_THAT(refusal(file), Contains("runs past the end"));
}

TEST_CASE("gguf: names from a hostile file cannot write on the terminal") {
  File file;
  file.tensors[0].name = "\x1b[2J\n";
  file.tensors[1].name = file.tensors[0].name;
  CHECK_THAT(refusal(file), Contains("tensor '\\x1b[2J\\x0a': this name"));
}

TEST_CASE("gguf: no damage crashes the reader") {
  File file;
  file.entries.push_back(
      arrayEntry("s", GgufType::String, 2, text("ab") + text("c")));
  file.entries.push_back(arrayEntry(
      "n", GgufType::Array, 1,
      ByteWriter().put<uint32_t>(7).put<uint64_t>(1).raw("\1").bytes));
  std::string good = file.bytes();
  int prefixesRead = 0;
  damage(good, 20000, [&](Bytes bytes) {
    Result<Gguf> gguf = Gguf::parse(bytes, "m.gguf");
    if (!gguf)
      return;
    prefixesRead += bytes.size() < good.size();
    uint64_t total = 0;
    for (const GgufEntry &entry : gguf->metadata())
      total += sum(entry.key) + touch(entry.value);
    for (const TensorView &tensor : gguf->tensors())
      total += sum(tensor.bytes);
    CHECK(total > 0);
  });
  CHECK(prefixesRead == 0);
}
