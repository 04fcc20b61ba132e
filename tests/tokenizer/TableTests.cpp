//===- TableTests.cpp - Tables that are damaged, texts that are hostile ---===//
#include "codegen/pack/tokenizer/BuildTokenizer.h"
#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/tokenizer/ChatTemplate.h"
#include "tests/runtime/TestFiles.h"
#include "tests/tokenizer/Support.h"

using namespace heed;
using namespace heed::test;

namespace {

Built fromJson(const std::string &name) {
  return Built(
      buildFromTokenizerJson(goldenPath("tokenizer/" + name + ".json")));
}

/// Runs what a table can run; whatever comes out, every id is a token's.
void exercise(Bytes bytes) {
  Result<Tokenizer> opened = Tokenizer::open(std::as_bytes(bytes));
  if (!opened)
    return;
  static const std::string Text =
      "Hello  world 123 [MASK]\n\u4e2d\u0301\uac00 don't \xff<|im_end|>x";
  for (bool parse : {false, true}) {
    std::vector<int32_t> ids =
        opened->encode(Text, {.parseSpecial = parse, .truncateTo = 40});
    for (int32_t id : ids)
      CHECK((id >= 0 && static_cast<uint32_t>(id) < opened->vocabularySize()));
    (void)opened->decode(ids);
  }
  if (Result<ChatTemplate> chat = ChatTemplate::open(*opened)) {
    ChatMessage message{ChatRole::User, "hi"};
    (void)chat->encode(*opened, {&message, 1});
  }
}

} // namespace

TEST_CASE("damaged tables never crash", "[table]") {
  std::string config = R"({"chat_template":
    "{% for m in messages %}{{ m.role + m.content }}{% endfor %}"})";
  std::vector<Built> tables;
  tables.push_back(fromJson("chars"));
  tables.push_back(fromJson("small-llama3"));
  tables.push_back(
      Built(buildFromVocabTxt(goldenPath("tokenizer/small-vocab.txt"))));
  tables.push_back(Built(parseTokenizerJson(
      readText(goldenPath("tokenizer/chars.json")), config, "f")));
  for (const char *name : {"small-unigram.model", "small-spbpe.model"})
    tables.push_back(
        Built(buildTokenizer(goldenPath("tokenizer/" + std::string(name)))));
  std::mt19937 random(11);
  for (const Built &built : tables) {
    std::string whole(built.table.bytes.begin(), built.table.bytes.end());
    exercise(GuardedBytes(whole).bytes());
    // Cuts at every eighth byte of the header and at some of the rest: a table
    // lies 8-aligned, so that its end does too.
    for (size_t size = 0; size < whole.size();
         size += size < 1024 ? 8 : 8 * (1 + random() % 512)) {
      GuardedBytes cut(whole.substr(0, size));
      CHECK_FALSE(Tokenizer::open(std::as_bytes(cut.bytes())));
    }
    for (int round = 0; round < 1500; ++round) {
      std::string copy = whole;
      for (unsigned n = 1 + random() % 3; n > 0; --n) {
        // Most of the damage in the header.
        size_t bound = random() % 4 ? sizeof(TableHeader) : copy.size();
        uint8_t values[] = {0, 1, 8, 0x7f, 0x80, 0xff, uint8_t(random())};
        copy[random() % bound] = static_cast<char>(values[random() % 7]);
      }
      exercise(GuardedBytes(copy).bytes());
    }
  }
}

TEST_CASE("a table says what is wrong with it", "[table]") {
  Built built = fromJson("small-llama3");
  auto error = [&](auto change) {
    std::vector<char> copy = built.table.bytes;
    change(*reinterpret_cast<TableHeader *>(copy.data()));
    Result<Tokenizer> opened = Tokenizer::open(std::as_bytes(std::span(copy)));
    return opened ? std::string() : opened.error().text;
  };
  std::string prefix = "the tokenizer table is damaged: ";
  CHECK(error([](TableHeader &) {}) == "");
  CHECK(error([](TableHeader &h) { h.magic[0] = 'x'; }) ==
        prefix + "it does not start with its magic word");
  CHECK(error([](TableHeader &h) { ++h.version; }) ==
        prefix + "it is of another version");
  CHECK(error([](TableHeader &h) { h.size += 8; }) ==
        prefix + "it is cut short");
  CHECK(error([](TableHeader &h) { h.merges.offset = h.size; }) ==
        prefix + "a section does not lie in it");
  CHECK(error([](TableHeader &h) { h.merges.size = ~3u; }) ==
        prefix + "a section does not lie in it");
  CHECK(error([](TableHeader &h) { h.tokenOffsets.offset += 1; }) ==
        prefix + "a section does not lie in it");
  CHECK(error([](TableHeader &h) { --h.tokenCount; }) ==
        prefix + "the vocabulary's size");
  CHECK(error([](TableHeader &h) { h.special.eos = 1 << 20; }) ==
        prefix + "a special token's id");
  CHECK(error([](TableHeader &h) { h.merges.size -= 4; }) ==
        prefix + "the number of merges");
  CHECK(error([](TableHeader &h) { h.byteIds.size -= 4; }) ==
        prefix + "the number of byte tokens");
  CHECK(error([](TableHeader &h) { h.kind = TokenizerKind(77); }) ==
        prefix + "its kind");
}

TEST_CASE("random bytes go through every tokenizer", "[table]") {
  std::mt19937 random(17);
  for (const char *name :
       {"chars", "small-gpt2", "small-llama3", "small-qwen2", "small-cased"}) {
    Built built = fromJson(name);
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (unsigned n = random() % 300; n > 0; --n)
        text += static_cast<char>(random() % 4 ? random() % 128 : random());
      std::vector<int32_t> ids = built->encode(text);
      std::vector<int32_t> two = built->encode(text, {.truncateTo = 2});
      CHECK(two.size() <= 2);
      if (built->kind() == TokenizerKind::ByteBpe)
        CHECK(std::equal(two.begin(), two.end(), ids.begin()));
    }
  }
}

/// Bytes, then fillers, then "ab" and "abc" as the last two ids: `count`
/// tokens.
static TokenizerModel twoMerges(uint32_t count) {
  TokenizerModel model;
  for (uint32_t id = 0; id < count; ++id) {
    bool isByte = id < 256;
    model.names.push_back("token " + std::to_string(id));
    model.bytes.push_back(isByte ? std::string(1, static_cast<char>(id))
                                 : model.names.back());
    model.tokenFlags.push_back(isByte ? TokenByte : 0);
  }
  model.bytes[count - 2] = "ab";
  model.bytes[count - 1] = "abc";
  model.merges = {{'a', 'b', count - 2}, {count - 2, 'c', count - 1}};
  return model;
}

TEST_CASE("merges of few and of many tokens", "[table]") {
  // The last vocabulary whose ids have 16 bits, and the first one over it.
  for (uint32_t count : {300u, 0x10000u, 0x10001u, 70'000u}) {
    std::vector<char> table = writeTable(twoMerges(count));
    Result<Tokenizer> opened = Tokenizer::open(std::as_bytes(std::span(table)));
    REQUIRE(opened);
    int32_t last = static_cast<int32_t>(count) - 1;
    CHECK(opened->encode("xabcab") ==
          std::vector<int32_t>{'x', last, last - 1});
  }
}

// No time is asserted: quadratic work on these would show as minutes.
TEST_CASE("long texts of the worst kind", "[table]") {
  constexpr size_t Size = 1 << 18;
  std::string mixed;
  while (mixed.size() < Size)
    mixed += "<|im_<[MAS \n\n 'l \u0301\u4e2d";
  for (const char *name : {"small-llama3.json", "small-cased.json",
                           "small-unigram.model", "small-spbpe.model"}) {
    Built built(buildTokenizer(goldenPath("tokenizer/" + std::string(name))));
    for (const std::string &text :
         {std::string(Size, 'a'), std::string(Size, ' '),
          std::string(Size, '\n'), std::string(Size, '<'), mixed}) {
      std::vector<int32_t> ids = built->encode(text, {.parseSpecial = true});
      if (built->kind() == TokenizerKind::ByteBpe)
        CHECK(!ids.empty());
    }
  }
}
