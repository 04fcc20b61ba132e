// Weights by name from any kind of file.
#include "runtime/formats/WeightSource.h"
#include "tests/runtime/TestFiles.h"

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

static std::string safetensors(std::initializer_list<std::string> names) {
  std::string header = "{";
  for (const std::string &name : names)
    header += (header.size() > 1 ? ",\"" : "\"") + name +
              R"(":{"dtype":"F32","shape":[0,2],"data_offsets":[0,0]})";
  header += "}";
  return ByteWriter().put<uint64_t>(header.size()).raw(header).bytes;
}

static std::string gguf() {
  ByteWriter out;
  out.raw("GGUF").put<uint32_t>(3).put<uint64_t>(1).put<uint64_t>(1);
  out.put<uint64_t>(3).raw("key").put<uint32_t>(7).put<uint8_t>(1);
  out.put<uint64_t>(1).raw("w").put<uint32_t>(2);
  out.put<int64_t>(2).put<int64_t>(3).put<uint32_t>(0).put<uint64_t>(0);
  return out.pad(32).raw(std::string(24, 'W')).bytes;
}

static std::string refusal(const std::string &path) {
  Result<WeightSource> source = WeightSource::open(path);
  return source ? "(was read)" : source.error().text;
}

TEST_CASE("weights: the kind of file is told by content") {
  TempFolder folder;
  {
    Result<WeightSource> source =
        WeightSource::open(folder.write("model.safetensors", gguf()));
    REQUIRE(source);
    WeightSource moved = std::move(*source);
    REQUIRE(moved.gguf());
    CHECK(moved.gguf()->find("key")->boolean() == true);
    CHECK(moved.find("w")->shape == std::vector<int64_t>{3, 2});
    CHECK(moved.find("w")->bytes[23] == 'W');
    CHECK_FALSE(moved.find("v"));
    CHECK(moved.names() == std::vector<std::string>{"w"});
  }
  {
    Result<WeightSource> source = WeightSource::open(
        folder.write("model.safetensors", safetensors({"b", "a"})));
    REQUIRE(source);
    CHECK(source->gguf() == nullptr);
    CHECK(source->names() == std::vector<std::string>{"a", "b"});
    CHECK(source->find("a")->shape == std::vector<int64_t>{0, 2});
  }
  Result<WeightSource> source = WeightSource::open(folder.path());
  REQUIRE(source);
  CHECK(source->names() == std::vector<std::string>{"a", "b"});
  CHECK(source->path() == folder.path());
}

TEST_CASE("weights: files of other kinds are named") {
  TempFolder folder;
  auto kind = [&](std::string_view bytes) {
    return refusal(folder.write("w", bytes));
  };
  CHECK_THAT(refusal(folder.path("none")), Contains("none: no such file"));
  CHECK_THAT(refusal(""), Contains("name is empty"));
  CHECK_THAT(kind(""), Contains("w: is empty"));
  CHECK_THAT(kind("PK\3\4..."), Contains("a zip archive"));
  CHECK_THAT(kind("\x80\2}q"), Contains("a pickle"));
  CHECK_THAT(kind("version https://git-lfs..."), Contains("Git LFS pointer"));
  CHECK_THAT(kind("\x93NUMPY"), Contains("a numpy array"));
  CHECK_THAT(kind("tjgg..."), Contains("the formats before GGUF"));
  CHECK_THAT(kind("{\"weight_map\":{}}"), Contains("this is JSON; name the "
                                                   "folder"));
  CHECK_THAT(kind("any text at all"),
             Contains("neither a GGUF nor a safetensors file"));
  CHECK_THAT(kind("GGUF"), Contains("the file ends before its version"));
  CHECK_THAT(refusal(folder.path()), Contains("holds no .safetensors file"));
}

TEST_CASE("weights: the name that was perhaps meant") {
  TempFolder folder;
  Result<WeightSource> source = WeightSource::open(folder.write(
      "m", safetensors({"blk.0.attn_k.weight", "blk.0.attn_q.weight",
                        "blk.1.attn_q.weight", "output.weight"})));
  REQUIRE(source);
  CHECK(source->nearest("blk.0.atn_q.weight") == "blk.0.attn_q.weight");
  CHECK(source->nearest("outputs.weight") == "output.weight");
  CHECK_FALSE(source->nearest("embeddings"));
}
