//===- ModelInfo.cpp - Descriptions, whole and damaged ---------------===//
#include "tests/runtime/FakeModel.h"

#include <catch2/catch.hpp>

using namespace heed;
using namespace heed::test;
using Catch::Matchers::Contains;

static std::string decodeError(const ModelInfo &info) {
  Result<ModelInfo> decoded = ModelInfo::decode(info.encode());
  return decoded ? "" : decoded.error().text;
}

TEST_CASE("ModelInfo: what is encoded is decoded") {
  for (const ModelInfo &info :
       {fakeDecoder(), fakePrefixDecoder(), fakeEncoder(), fakeTensors()}) {
    std::string bytes = info.encode();
    Result<ModelInfo> decoded = ModelInfo::decode(bytes);
    REQUIRE(decoded);
    CHECK(decoded->name == info.name);
    CHECK(decoded->firstCall == info.firstCall);
    CHECK(decoded->args.size() == info.args.size());
    CHECK(decoded->args.back().axes[0].name == info.args.back().axes[0].name);
    CHECK(decoded->encode() == bytes);
  }
}

TEST_CASE("ModelInfo: cut or lengthened, it is refused") {
  std::string bytes = fakeDecoder().encode();
  for (size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(ModelInfo::decode(std::span(bytes.data(), size)));
  bytes += '\0';
  CHECK_FALSE(ModelInfo::decode(bytes));
}

TEST_CASE("ModelInfo: any byte may be any other") {
  std::string bytes = fakeDecoder().encode();
  for (size_t at = 0; at < bytes.size(); ++at)
    for (char value : {'\0', '\1', '\x7f', '\xff'}) {
      std::string bad = bytes;
      bad[at] = value;
      Result<ModelInfo> decoded = ModelInfo::decode(bad);
      if (decoded) // then it is a description that can be written again
        CHECK(decoded->encode() == bad);
    }
}

TEST_CASE("ModelInfo: another version") {
  std::string bytes = fakeDecoder().encode();
  bytes[8] = 77;
  Result<ModelInfo> decoded = ModelInfo::decode(bytes);
  REQUIRE_FALSE(decoded);
  CHECK_THAT(decoded.error().text, Contains("version 77"));
}

TEST_CASE("ModelInfo: contradictions") {
  ModelInfo info = fakeDecoder();
  info.axes.push_back("token");
  CHECK_THAT(decodeError(info), Contains("'token' stands twice"));
  info = fakeDecoder();
  info.axes.push_back("strange");
  CHECK_THAT(decodeError(info), Contains("nothing gives axis 'strange'"));
  info = fakeDecoder();
  info.arena[0].axes = {9};
  CHECK_THAT(decodeError(info), Contains("region of the arena"));
  info = fakeDecoder();
  info.scratch = 65;
  CHECK_THAT(decodeError(info), Contains("scratch"));
  info = fakeDecoder();
  info.chunk = 0;
  CHECK_THAT(decodeError(info), Contains("chunk"));
  info = fakeDecoder();
  info.firstCall = 0;
  CHECK_THAT(decodeError(info), Contains("a first call of at least 0 tokens"));
  info.firstCall = info.context;
  CHECK_THAT(decodeError(info), Contains("a first call of at least 64 tokens"));
  info = fakeEncoder();
  info.firstCall = 2;
  CHECK_THAT(decodeError(info), Contains("a first call of at least 2 tokens"));
  info = fakeDecoder();
  info.cache.clear();
  CHECK_THAT(decodeError(info), Contains("do not make one model"));
  info = fakeDecoder();
  info.args.pop_back();
  CHECK_THAT(decodeError(info), Contains("without outputs"));
  info = fakeDecoder();
  info.args.back().axes[1].size = int64_t(1) << 62;
  CHECK_THAT(decodeError(info), Contains("too large"));
  info = fakeDecoder();
  info.args.back().axes[0].name = "sequence";
  CHECK_THAT(decodeError(info), Contains("no row for each token"));
  info = fakeTensors();
  info.args[0].type = ElementType::Q4_0;
  CHECK_THAT(decodeError(info), Contains("type q4_0"));
  info = fakeTensors();
  info.args[3].axes[0].name = "other";
  CHECK_THAT(decodeError(info), Contains("'other' of unknown size"));
}
