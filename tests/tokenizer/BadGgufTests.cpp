//===- BadGgufTests.cpp - GGUF metadata that makes no tokenizer -----------===//
#include "codegen/pack/tokenizer/FromGguf.h"
#include "tests/runtime/TestFiles.h"
#include "tests/tokenizer/Support.h"

#include <cmath>
#include <map>

using namespace heed;
using namespace heed::test;

namespace {

std::string sized(std::string_view value) {
  return ByteWriter().put<uint64_t>(value.size()).raw(value).bytes;
}
std::string kind(GgufType type) {
  return ByteWriter().put(static_cast<uint32_t>(type)).bytes;
}
std::string text(std::string_view value) {
  return kind(GgufType::String) + sized(value);
}
std::string number(uint32_t value) {
  return ByteWriter().raw(kind(GgufType::U32)).put(value).bytes;
}
std::string truth(bool value) {
  return ByteWriter().raw(kind(GgufType::Bool)).put<uint8_t>(value).bytes;
}
std::string texts(const std::vector<std::string> &values) {
  ByteWriter out;
  out.raw(kind(GgufType::Array)).raw(kind(GgufType::String));
  out.put<uint64_t>(values.size());
  for (const std::string &value : values)
    out.raw(sized(value));
  return out.bytes;
}
std::string numbers(const std::vector<int32_t> &values) {
  ByteWriter out;
  out.raw(kind(GgufType::Array)).raw(kind(GgufType::I32));
  out.put<uint64_t>(values.size());
  for (int32_t value : values)
    out.put(value);
  return out.bytes;
}

/// A good file, which a test spoils: values by key, as they stand in the file.
struct File {
  std::map<std::string, std::string> entries = {
      {"tokenizer.ggml.model", text("gpt2")},
      {"tokenizer.ggml.pre", text("smollm")},
      {"tokenizer.ggml.tokens", texts({"<end>", "a", "b", "ab", "Ġ"})},
      {"tokenizer.ggml.token_type", numbers({3, 1, 1, 1, 1})},
      {"tokenizer.ggml.merges", texts({"a b"})},
      {"tokenizer.ggml.eos_token_id", number(0)}};

  std::string bytes() const {
    ByteWriter out;
    out.raw("GGUF").put<uint32_t>(3).put<uint64_t>(0);
    out.put<uint64_t>(entries.size());
    for (const auto &[key, value] : entries)
      out.raw(sized(key)).raw(value);
    return out.pad(32).bytes;
  }
  Result<TokenizerTable> build() const {
    std::string held = bytes();
    Result<Gguf> file = Gguf::parse(asBytes(held), "f.gguf");
    REQUIRE(file);
    return buildFromGguf(*file, "f.gguf");
  }
};

/// The message of a good file with one value changed.
std::string error(const std::string &key, const std::string &value) {
  File file;
  file.entries["tokenizer." + key] = value;
  Result<TokenizerTable> built = file.build();
  REQUIRE_FALSE(built);
  return built.error().text;
}
std::string withoutKey(const std::string &key) {
  File file;
  file.entries.erase("tokenizer." + key);
  Result<TokenizerTable> built = file.build();
  REQUIRE_FALSE(built);
  return built.error().text;
}

} // namespace

TEST_CASE("a small GGUF is a tokenizer", "[gguf]") {
  Built built(File().build());
  CHECK(built->encode("ab ba<end>") == std::vector<int32_t>{3, 4, 2, 1});
  CHECK(built->encode("ab<end>", {.parseSpecial = true}) ==
        std::vector<int32_t>{3, 0});
  CHECK(built->isEnd(0));
  CHECK_FALSE(built->isEnd(NoToken));
}

TEST_CASE("a bos that the file asks for stands first", "[gguf]") {
  File file;
  file.entries["tokenizer.ggml.bos_token_id"] = number(0);
  file.entries["tokenizer.ggml.add_bos_token"] = truth(true);
  Built built(file.build());
  CHECK(built->encode("a") == std::vector<int32_t>{0, 1});
  CHECK(built->encode("a", {.addSpecial = false}) == std::vector<int32_t>{1});
  CHECK(built->encode("aab", {.truncateTo = 2}) == std::vector<int32_t>{0, 1});
}

TEST_CASE("missing metadata is named", "[gguf]") {
  for (const char *key :
       {"ggml.model", "ggml.pre", "ggml.tokens", "ggml.merges"})
    CHECK(withoutKey(key) ==
          std::string("f.gguf: metadata tokenizer.") + key + " is missing");
}

TEST_CASE("metadata of another kind is refused", "[gguf]") {
  CHECK(error("ggml.model", text("bert")) ==
        "f.gguf: metadata tokenizer.ggml.model is 'bert'; heed reads gpt2 "
        "(byte-level BPE), llama and t5 (SentencePiece's BPE and unigram)");
  CHECK(error("ggml.model", number(1)) ==
        "f.gguf: metadata tokenizer.ggml.model should be a string, is u32");
  CHECK(error("ggml.pre", text("smolm")) ==
        "f.gguf: the pre-tokenizer 'smolm' is not known; known are gpt-2, "
        "mpt, olmo, jais, smollm, starcoder, refact, command-r, codeshell, "
        "exaone, llama-bpe, qwen2, stablelm2");
  CHECK(error("ggml.tokens", numbers({1})) ==
        "f.gguf: metadata tokenizer.ggml.tokens should be an array of strings");
  CHECK(error("ggml.tokens", texts({})) == "f.gguf: the vocabulary is empty");
  CHECK(error("ggml.token_type", numbers({1})) ==
        "f.gguf: metadata tokenizer.ggml.token_type has 1 entries for 5 "
        "tokens");
  CHECK(error("ggml.token_type", numbers({1, 1, 9, 1, 1})) ==
        "f.gguf: metadata tokenizer.ggml.token_type of token 2 is 9, not 1 to "
        "6");
  CHECK(error("ggml.add_bos_token", number(1)) ==
        "f.gguf: metadata tokenizer.ggml.add_bos_token should be a boolean");
  CHECK(error("ggml.add_bos_token", truth(true)) ==
        "f.gguf: metadata tokenizer.ggml.add_bos_token asks for a token that "
        "the file does not name");
}

TEST_CASE("SentencePiece's parts of a GGUF", "[gguf]") {
  auto build = [](std::map<std::string, std::string> changes) {
    File file;
    file.entries = {
        {"tokenizer.ggml.model", text("llama")},
        {"tokenizer.ggml.tokens", texts({"<unk>", "<s>", "a", "<0x41>"})},
        {"tokenizer.ggml.token_type", numbers({2, 3, 1, 6})},
        {"tokenizer.ggml.scores", numbers({0, 0, -1, 0})},
        {"tokenizer.ggml.bos_token_id", number(1)}};
    for (const auto &[key, value] : changes)
      file.entries["tokenizer.ggml." + key] = value;
    return file.build();
  };
  auto error = [&](const std::string &key, const std::string &value) {
    Result<TokenizerTable> built = build({{key, value}});
    REQUIRE_FALSE(built);
    return built.error().text;
  };
  Built built(build({{"add_space_prefix", truth(false)}}));
  CHECK(built->encode("aAb") == std::vector<int32_t>{1, 2, 3, 0});
  CHECK(error("token_type", numbers({1, 3, 1, 6})) ==
        "f.gguf: the vocabulary of 4 tokens has no unknown token");
  CHECK(error("tokens", texts({"<unk>", "<s>", "a", "<0x4G>"})) ==
        "f.gguf: token 3 stands for a byte and is '<0x4G>', not <0x00> to "
        "<0xFF>");
  CHECK(error("scores", numbers({0, 0})) ==
        "f.gguf: 4 tokens have 2 scores and 4 types");
  CHECK(error("scores", ByteWriter()
                            .raw(kind(GgufType::Array))
                            .raw(kind(GgufType::F32))
                            .put<uint64_t>(4)
                            .put(0.f)
                            .put(0.f)
                            .put(std::nanf(""))
                            .put(0.f)
                            .bytes) ==
        "f.gguf: the score of token 2 'a' is no finite number");
  CHECK(error("precompiled_charsmap", numbers({8, 0, 0, 0, 1, 2})) ==
        "f.gguf: the character map's trie has 8 bytes, and 2 are there");
}

TEST_CASE("a vocabulary with duplicates is refused", "[gguf]") {
  CHECK(error("ggml.tokens", texts({"<end>", "a", "b", "ab", "a"})) ==
        "f.gguf: the vocabulary has 'a' twice, as token 1 and as token 4");
  CHECK(error("ggml.tokens", texts({"<end>", "a", "", "ab", "b"})) ==
        "f.gguf: token 2 is empty");
}

TEST_CASE("merges of unknown tokens are refused", "[gguf]") {
  std::string at = "f.gguf: merge 1 of ";
  CHECK(error("ggml.merges", texts({"a b", "c a"})) ==
        at + "'c' and 'a': 'c' is not in the vocabulary");
  CHECK(error("ggml.merges", texts({"a b", "b a"})) ==
        at + "'b' and 'a': 'ba' is not in the vocabulary");
  CHECK(error("ggml.merges", texts({"a b", "a b"})) ==
        at + "'a' and 'b' repeats merge 0");
  for (const char *line : {"ab", " ab", "ab ", "", "a  b"})
    CHECK_FALSE(error("ggml.merges", texts({line})).empty());
  CHECK(error("ggml.merges", texts({"a b", "ab"})) ==
        "f.gguf: metadata tokenizer.ggml.merges entry 1 is 'ab', not two "
        "tokens with a space between");
}

TEST_CASE("ids out of range are refused", "[gguf]") {
  CHECK(error("ggml.eos_token_id", number(5)) ==
        "f.gguf: metadata tokenizer.ggml.eos_token_id is 5, and the vocabulary "
        "has 5 tokens");
  CHECK(error("ggml.bos_token_id", numbers({1})) ==
        "f.gguf: metadata tokenizer.ggml.bos_token_id should be an integer");
}

TEST_CASE("a damaged GGUF never crashes the tokenizer's reader", "[gguf]") {
  File file;
  file.entries["tokenizer.chat_template"] =
      text("{% for m in messages %}{{ m.content }}{% endfor %}");
  damage(file.bytes(), 200, [](Bytes bytes) {
    Result<Gguf> read = Gguf::parse(bytes, "f");
    if (!read)
      return;
    Result<TokenizerTable> built = buildFromGguf(*read, "f");
    if (built)
      CHECK(Tokenizer::open(std::as_bytes(std::span(built->bytes))));
  });
}
