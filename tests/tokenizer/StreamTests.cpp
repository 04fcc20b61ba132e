//===- StreamTests.cpp - Ids to text, as they come ------------------------===//
#include "codegen/pack/tokenizer/FromGguf.h"
#include "codegen/pack/tokenizer/FromTokenizerJson.h"
#include "runtime/tokenizer/StreamDecoder.h"
#include "runtime/tokenizer/Utf8.h"
#include "tests/tokenizer/Support.h"

#include <random>

using namespace heed;
using namespace heed::test;

namespace {

Built byteBpe() {
  return Built(
      buildFromTokenizerJson(goldenPath("tokenizer/small-qwen2.json")));
}

} // namespace

TEST_CASE("half a character is held back", "[stream]") {
  Built built = byteBpe();
  StreamDecoder decoder(*built);
  auto byte = [&](unsigned value) {
    return built->data().byteToken(static_cast<uint8_t>(value));
  };
  CHECK(decoder.push(byte('a')) == "a");
  CHECK(decoder.push(byte(0xf0)) == "");
  CHECK(decoder.push(byte(0x9f)) == "");
  CHECK(decoder.push(byte(0x98)) == "");
  CHECK(decoder.push(byte(0x80)) == "\U0001f600");
  // Cut off by another character: one U+FFFD for the maximal subpart.
  CHECK(decoder.push(byte(0xe4)) == "");
  CHECK(decoder.push(byte(0xb8)) == "");
  CHECK(decoder.push(byte('b')) == "\ufffdb");
  CHECK(decoder.push(byte(0xff)) == "\ufffd");
  CHECK(decoder.push(byte(0xe4)) == "");
  CHECK(decoder.flush() == "\ufffd");
  CHECK(decoder.flush() == "");
  CHECK(decoder.push(byte('c')) == "c");
}

TEST_CASE("ids that are no tokens add nothing", "[stream]") {
  Built built = byteBpe();
  StreamDecoder decoder(*built);
  for (int32_t id : {-1, 1 << 30, INT32_MIN, INT32_MAX,
                     static_cast<int32_t>(built->vocabularySize())})
    CHECK(decoder.push(id) == "");
  CHECK(built->decode(std::vector<int32_t>{-5, 9999}) == "");
}

TEST_CASE("special tokens are shown or left out", "[stream]") {
  Built built = byteBpe();
  int32_t end = built->idOf("<|im_end|>");
  CHECK(StreamDecoder(*built).push(end) == "");
  CHECK(StreamDecoder(*built, false).push(end) == "<|im_end|>");
}

TEST_CASE("a stream's parts are whole characters and join to the text",
          "[stream]") {
  Built built = byteBpe();
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<int32_t> ids;
    for (int i = 0; i < 60; ++i)
      ids.push_back(static_cast<int32_t>(random() % built->vocabularySize()));
    StreamDecoder decoder(*built, false);
    std::string bytes, joined;
    for (int32_t id : ids) {
      bytes += built->tokenBytes(id);
      std::string part = decoder.push(id);
      CHECK(isUtf8(part));
      joined += part;
    }
    joined += decoder.flush();
    CHECK(joined == withValidUtf8(bytes));
    CHECK(joined == built->decode(ids));
  }
}

TEST_CASE("byte-level BPE gives back every text", "[stream]") {
  Built built = byteBpe();
  for (const std::string &line : hardLines())
    CHECK(built->decode(built->encode(line)) == line);
}

TEST_CASE("invalid bytes become U+FFFD as Python's decoder has it", "[utf8]") {
  auto repaired = [](std::string_view text) { return withValidUtf8(text); };
  CHECK(repaired("a\x80z") == "a\ufffdz");
  CHECK(repaired("\xc0\xaf") == "\ufffd\ufffd");
  CHECK(repaired("\xe0\x80\xaf") == "\ufffd\ufffd\ufffd");
  CHECK(repaired("\xf0\x9f\x98") == "\ufffd");
  CHECK(repaired("\xf0\x9f\x98(") == "\ufffd(");
  CHECK(repaired("\xed\xa0\x80") == "\ufffd\ufffd\ufffd");
  CHECK(repaired("\xf4\x90\x80\x80") == "\ufffd\ufffd\ufffd\ufffd");
  CHECK(repaired("\xe2\x82\xe2\x82\xac") == "\ufffd\u20ac");
  CHECK(repaired("plain \u00e9 \u4e2d \U0001f600") ==
        "plain \u00e9 \u4e2d \U0001f600");
  CHECK(isUtf8("plain ascii, longer than eight bytes"));
  CHECK_FALSE(isUtf8("plain ascii, longer than \xff eight bytes"));
}
