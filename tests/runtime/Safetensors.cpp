// Reading of safetensors files and folders: what is in a good one, and what
// each bad one is told.
#include "runtime/formats/Safetensors.h"
#include "tests/runtime/TestFiles.h"

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

static std::string file(std::string_view header, std::string_view data) {
  return ByteWriter().put<uint64_t>(header.size()).raw(header).raw(data).bytes;
}

static const std::string goodHeader =
    R"({"__metadata__":{"format":"pt"},)"
    R"("b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("a":{"dtype":"I64","shape":[],"data_offsets":[24,32]},)"
    R"("none":{"dtype":"BF16","shape":[0,7],"data_offsets":[32,32]}}   )";
static const std::string goodData = std::string(24, 'B') + std::string(8, 'A');

/// The message for a file that must not be read.
static std::string refusal(std::string_view bytes) {
  GuardedBytes guarded(bytes);
  Result<Safetensors> out = Safetensors::parse(guarded.bytes(), "m.st");
  if (out)
    return "(was read)";
  CHECK(out.error().text.find('\n') == std::string::npos);
  CHECK_THAT(out.error().text, Catch::Matchers::StartsWith("m.st: "));
  return out.error().text;
}
static std::string refusalOf(std::string_view header, std::string_view data) {
  return refusal(file(header, data));
}
/// For a header with one tensor 't', given its fields, and 24 bytes of data.
static std::string entryRefusal(const std::string &fields) {
  return refusalOf("{\"t\":" + fields + "}", std::string(24, 'T'));
}

TEST_CASE("safetensors: tensors, shapes, bytes, metadata") {
  std::string bytes = file(goodHeader, goodData);
  Result<Safetensors> out = Safetensors::parse(asBytes(bytes), "m.st");
  REQUIRE(out);
  REQUIRE(out->tensors().size() == 3);
  const TensorView &a = out->tensors()[0], &b = out->tensors()[1];
  CHECK(a.name == "a");
  CHECK(a.type == ElementType::I64);
  CHECK(a.shape.empty());
  CHECK(std::string(a.bytes.begin(), a.bytes.end()) == "AAAAAAAA");
  CHECK(b.name == "b");
  CHECK(b.type == ElementType::F32);
  CHECK(b.shape == std::vector<int64_t>{2, 3});
  CHECK(std::string(b.bytes.begin(), b.bytes.end()) == std::string(24, 'B'));
  CHECK(out->tensors()[2].bytes.empty());
  CHECK(out->metadata().at("format") == "pt");
}

TEST_CASE("safetensors: every dtype has its size") {
  auto [dtype, type, bytes] = GENERATE(table<std::string, ElementType, int>({
      {"F64", ElementType::F64, 8},
      {"F32", ElementType::F32, 4},
      {"F16", ElementType::F16, 2},
      {"BF16", ElementType::BF16, 2},
      {"F8_E4M3", ElementType::F8E4M3, 1},
      {"F8_E5M2", ElementType::F8E5M2, 1},
      {"BOOL", ElementType::Bool, 1},
      {"U8", ElementType::U8, 1},
      {"I8", ElementType::I8, 1},
      {"U16", ElementType::U16, 2},
      {"I16", ElementType::I16, 2},
      {"U32", ElementType::U32, 4},
      {"I32", ElementType::I32, 4},
      {"U64", ElementType::U64, 8},
      {"I64", ElementType::I64, 8},
  }));
  std::string whole = file("{\"t\":{\"dtype\":\"" + dtype +
                               "\",\"shape\":[3],\"data_offsets\":[0," +
                               std::to_string(3 * bytes) + "]}}",
                           std::string(3 * bytes, 'x'));
  Result<Safetensors> out = Safetensors::parse(asBytes(whole), "m.st");
  REQUIRE(out);
  CHECK(out->tensors()[0].type == type);
}

TEST_CASE("safetensors: cut short") {
  std::string whole = file(goodHeader, goodData);
  CHECK_THAT(refusal(""), Contains("it has 0 bytes"));
  CHECK_THAT(refusal(whole.substr(0, 7)), Contains("it has 7 bytes"));
  CHECK_THAT(refusal(whole.substr(0, 8)),
             Contains("runs past the end of the file (0 bytes left); is the "
                      "file cut short?"));
  CHECK_THAT(refusal(whole.substr(0, 100)), Contains("runs past the end"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() - 1)),
             Contains("its data ends at offset 32, but the file holds 31 bytes "
                      "of data; is the file cut short?"));
}

TEST_CASE("safetensors: lying header lengths") {
  auto lie = [](uint64_t length) {
    return refusal(
        ByteWriter().put(length).raw(goodHeader).raw(goodData).bytes);
  };
  CHECK_THAT(lie(UINT64_MAX), Contains("18446744073709551615 is over the "
                                       "limit"));
  CHECK_THAT(lie(100'000'001), Contains("is over the limit"));
  CHECK_THAT(lie(100'000'000), Contains("runs past the end of the file"));
  CHECK_THAT(lie(0), Contains("header: line 1, column 1"));
  CHECK_THAT(lie(5), Contains("header: line 1, column"));
}

TEST_CASE("safetensors: headers that are no JSON of tensors") {
  CHECK_THAT(refusalOf("", ""), Contains("header: line 1, column 1"));
  CHECK_THAT(refusalOf("[]", ""), Contains("expected an object of tensors"));
  CHECK_THAT(refusalOf("{\"a\":1", ""), Contains("header: line 1, column 7"));
  CHECK_THAT(refusalOf("{}x", ""), Contains("header: line 1, column 3"));
  CHECK_THAT(refusalOf("{\"\xff\":1}", ""), Contains("UTF-8"));
  CHECK_THAT(refusalOf("{\"a\":1e999}", ""), Contains("header: "));
  CHECK_THAT(refusalOf(std::string(100, '\0'), ""), Contains("line 1"));
  for (std::string open : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 100000; ++i)
      deep += open;
    CHECK_THAT(refusalOf(deep, ""), Contains("nested more than 64 deep"));
  }
  CHECK_THAT(refusalOf(R"({"__metadata__":{"a":1}})", ""),
             Contains("'__metadata__' must map strings to strings"));
  CHECK_THAT(refusalOf(R"({"__metadata__":[]})", ""),
             Contains("'__metadata__' must map strings to strings"));
}

TEST_CASE("safetensors: duplicate names") {
  std::string entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK_THAT(refusalOf("{\"t\":" + entry + ",\"t\":" + entry + "}", ""),
             Contains("the key 't' stands twice in one object"));
}

TEST_CASE("safetensors: entries that do not say what they must") {
  CHECK_THAT(entryRefusal("7"), Contains("tensor 't': expected an object"));
  CHECK_THAT(entryRefusal("{}"), Contains("'dtype' must be a string"));
  CHECK_THAT(entryRefusal(R"({"dtype":3})"), Contains("'dtype' must be"));
  CHECK_THAT(entryRefusal(R"({"dtype":"Q9"})"),
             Contains("dtype 'Q9' is not known"));
  CHECK_THAT(entryRefusal(R"({"dtype":"F32"})"), Contains("'shape' must be"));
  CHECK_THAT(entryRefusal(R"({"dtype":"F32","shape":[2,-3]})"),
             Contains("'shape' must hold integers from 0"));
  CHECK_THAT(entryRefusal(R"({"dtype":"F32","shape":[2.0]})"),
             Contains("'shape' must hold integers from 0"));
  CHECK_THAT(entryRefusal(R"({"dtype":"F32","shape":[18446744073709551615]})"),
             Contains("'shape' must hold integers from 0"));
  auto offsets = [](const std::string &text) {
    return entryRefusal(R"({"dtype":"F32","shape":[2,3],"data_offsets":)" +
                        text + "}");
  };
  CHECK(offsets("[0,24]") == "(was read)");
  CHECK_THAT(offsets("24"), Contains("must be a list of two integers"));
  CHECK_THAT(offsets("[0]"), Contains("must be a list of two integers"));
  CHECK_THAT(offsets("[0,24,24]"), Contains("a list of two integers"));
  CHECK_THAT(offsets("[-1,24]"), Contains("two integers from 0"));
  CHECK_THAT(offsets("[24,0]"), Contains("second not less than the first"));
  CHECK_THAT(offsets("[0,25]"), Contains("ends at offset 25, but the file "
                                         "holds 24 bytes"));
  CHECK_THAT(offsets("[9223372036854775800,9223372036854775807]"),
             Contains("ends at offset 9223372036854775807"));
  CHECK_THAT(offsets("[0,20]"), Contains("f32[2, 3] takes 24 bytes, but its "
                                         "data_offsets span 20"));
}

TEST_CASE("safetensors: shapes that overflow") {
  auto shaped = [](const std::string &shape) {
    return entryRefusal(R"({"dtype":"F32","data_offsets":[0,24],"shape":)" +
                        shape + "}");
  };
  CHECK_THAT(shaped("[4294967296,4294967296]"), Contains("larger than any"));
  CHECK_THAT(shaped("[4611686018427387904]"), Contains("larger than any"));
  CHECK_THAT(shaped("[4611686018427387904,2]"), Contains("larger than any"));
  // 2^62 + 6 elements would be 24 bytes if their size were taken modulo 2^64.
  CHECK_THAT(shaped("[4611686018427387910]"), Contains("larger than any"));
}

TEST_CASE("safetensors: data that overlaps or belongs to nobody") {
  auto two = [](const std::string &first, const std::string &second,
                size_t bytes) {
    return refusalOf(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" +
                         first +
                         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" +
                         second + "}}",
                     std::string(bytes, 'x'));
  };
  CHECK(two("[0,4]", "[4,8]", 8) == "(was read)");
  CHECK(two("[4,8]", "[0,4]", 8) == "(was read)");
  CHECK_THAT(two("[0,4]", "[3,7]", 7), Contains("'a' and 'b' overlap"));
  CHECK_THAT(two("[0,4]", "[0,4]", 4), Contains("overlap"));
  CHECK_THAT(two("[0,4]", "[5,9]", 9),
             Contains("1 bytes of data before tensor 'b' belong to no tensor"));
  CHECK_THAT(two("[0,4]", "[4,8]", 10),
             Contains("2 bytes at the end of the file belong to no tensor"));
}

TEST_CASE("safetensors: no damage crashes the reader") {
  std::string good = file(goodHeader, goodData);
  int prefixesRead = 0;
  damage(good, 20000, [&](Bytes bytes) {
    Result<Safetensors> out = Safetensors::parse(bytes, "m.st");
    if (!out)
      return;
    prefixesRead += bytes.size() < good.size();
    for (const TensorView &tensor : out->tensors())
      CHECK(sum(tensor.bytes) + tensor.name.size() > 0);
  });
  CHECK(prefixesRead == 0);
}

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

/// A file with one u8[4] tensor.
static std::string shard(const std::string &tensor, char fill) {
  return file("{\"" + tensor +
                  R"(":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
              std::string(4, fill));
}

static std::string folderRefusal(const TempFolder &folder) {
  auto out = openSafetensorsFolder(folder.path());
  return out ? "(was read)" : out.error().text;
}

TEST_CASE("safetensors folder: the index names the shards") {
  TempFolder folder;
  folder.write("1.safetensors", shard("a", 'A'));
  folder.write("2.safetensors", shard("b", 'B'));
  folder.write("other.safetensors", shard("a", 'X'));
  folder.write("model.safetensors.index.json",
               R"({"metadata":{"total_size":8},"weight_map":)"
               R"({"a":"1.safetensors","b":"2.safetensors"}})");
  auto out = openSafetensorsFolder(folder.path());
  REQUIRE(out);
  REQUIRE(out->size() == 2);
  CHECK((*out)[0].tensors()[0].name == "a");
  CHECK((*out)[1].tensors()[0].bytes[0] == 'B');
}

TEST_CASE("safetensors folder: without an index") {
  TempFolder folder;
  folder.write("x1.safetensors", shard("a", 'A'));
  folder.write("x2.safetensors", shard("b", 'B'));
  folder.write("config.json", "{}");
  CHECK(openSafetensorsFolder(folder.path())->size() == 2);
  // The usual single file stands for the whole.
  folder.write("model.safetensors", shard("c", 'C'));
  auto out = openSafetensorsFolder(folder.path());
  REQUIRE(out);
  REQUIRE(out->size() == 1);
  CHECK((*out)[0].tensors()[0].name == "c");
}

TEST_CASE("safetensors folder: what is wrong with it") {
  TempFolder folder;
  CHECK_THAT(folderRefusal(folder), Contains("holds no .safetensors file"));
  folder.write("pytorch_model.bin", "x");
  CHECK_THAT(folderRefusal(folder),
             Contains("'pytorch_model.bin' must be converted"));
  folder.write("1.safetensors", shard("a", 'A'));
  folder.write("2.safetensors", shard("a", 'B'));
  CHECK_THAT(folderRefusal(folder),
             Contains("tensor 'a' stands in both '1.safetensors' and "
                      "'2.safetensors'"));

  auto indexed = [&](const std::string &index) {
    folder.write("model.safetensors.index.json", index);
    return folderRefusal(folder);
  };
  CHECK_THAT(indexed(""), Contains("model.safetensors.index.json: is empty"));
  CHECK_THAT(indexed("{"), Contains("model.safetensors.index.json: line 1"));
  CHECK_THAT(indexed("[]"), Contains("'weight_map' must map tensors to files"));
  CHECK_THAT(indexed("{}"), Contains("'weight_map' must map tensors to files"));
  CHECK_THAT(indexed(R"({"weight_map":{}})"), Contains("is empty"));
  CHECK_THAT(indexed(R"({"weight_map":{"a":3}})"),
             Contains("the file of 'a' must be a string"));
  CHECK_THAT(indexed(R"({"weight_map":{"a":"../secret"}})"),
             Contains("'../secret', is not the name of a file in this folder"));
  CHECK_THAT(indexed(R"({"weight_map":{"a":".."}})"),
             Contains("is not the name of a file in this folder"));
  CHECK_THAT(indexed(R"({"weight_map":{"a":"3.safetensors"}})"),
             Contains("names the file '3.safetensors', which is not in the"));
  CHECK_THAT(indexed(R"({"weight_map":{"b":"1.safetensors"}})"),
             Contains("tensor 'b' is not in the file '1.safetensors'"));
  CHECK_THAT(indexed(R"({"weight_map":{"a":"1.safetensors",)"
                     R"("b":"2.safetensors"}})"),
             Contains("stands in both"));
  CHECK(indexed(R"({"weight_map":{"a":"1.safetensors"}})") == "(was read)");
  folder.write("1.safetensors", shard("a", 'A').substr(0, 60));
  CHECK_THAT(folderRefusal(folder), Contains("1.safetensors: "));
}
