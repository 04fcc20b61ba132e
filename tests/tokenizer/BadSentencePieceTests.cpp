//===- BadSentencePieceTests.cpp - spiece.model that is none --------------===//
#include "codegen/pack/tokenizer/BuildTokenizer.h"
#include "tests/runtime/TestFiles.h"
#include "tests/tokenizer/Support.h"

using namespace heed;
using namespace heed::test;

namespace {

/// Fields of a protocol buffer; lengths and numbers are below 128.
std::string bytesField(int number, const std::string &value) {
  return std::string{char(number << 3 | 2), char(value.size())} + value;
}
std::string numberField(int number, int value) {
  std::string tag{char((number << 3 & 0x7f) | 0)};
  if (number >= 16) // the tag takes two bytes
    tag = {char((number << 3 & 0x7f) | 0x80), char(number >> 4)};
  return tag + char(value);
}
std::string piece(const std::string &name, float score, int type) {
  return bytesField(1, bytesField(1, name) +
                           ByteWriter().put(char(2 << 3 | 5)).put(score).bytes +
                           numberField(3, type));
}

const std::string Unknown = piece("<unk>", 0, 2);

std::string error(const std::string &bytes,
                  const SentencePieceOptions &options = {}) {
  Result<TokenizerTable> built = parseSentencePiece(bytes, "s.model", options);
  REQUIRE_FALSE(built);
  return built.error().text;
}

} // namespace

TEST_CASE("a small SentencePiece model", "[spiece]") {
  // No bos, and eos is "a".
  std::string trainer = bytesField(2, numberField(3, 2) + numberField(42, 1) +
                                          numberField(41, 9));
  Built built(parseSentencePiece(Unknown + piece("a", -1, 1) +
                                     piece("\u2581", -2, 1) + trainer,
                                 "s.model", {.addEos = true}));
  CHECK(built->kind() == TokenizerKind::SentencePieceBpe);
  CHECK(built->special().bos == NoToken);
  CHECK(built->encode(" a  bca") == std::vector<int32_t>{2, 1, 2, 0, 1, 1});
  CHECK(built->encode("") == std::vector<int32_t>{1});
}

TEST_CASE("SentencePiece models that are refused", "[spiece]") {
  std::string damaged = "s.model: not a SentencePiece model, or one cut short";
  CHECK(error("") == damaged);
  CHECK(error("hello") == damaged);
  CHECK(error(Unknown.substr(0, 5)) == damaged);
  CHECK(error(std::string(30, '\xff')) == damaged);
  CHECK(error(Unknown + piece("a", 0, 1) + piece("a", 0, 1)) ==
        "s.model: the vocabulary has 'a' twice, as token 1 and as token 2");
  CHECK(error(piece("a", 0, 1)) ==
        "s.model: the vocabulary of 1 tokens has no unknown token");
  CHECK(error(Unknown + piece("a", 0, 7)) ==
        "s.model: the type of token 1 is 7, not 1 to 6");
  CHECK(error(Unknown + bytesField(2, numberField(3, 4))) ==
        "s.model: the model type is 4; heed reads unigram (1) and BPE (2)");
  CHECK(error(Unknown + bytesField(2, numberField(24, 1))) ==
        "s.model: spaces are written behind words or not at all, which heed "
        "does not read");
  CHECK(error(Unknown + bytesField(3, bytesField(2, "abcdef"))) ==
        "s.model: the character map's trie has 1684234849 bytes, and 2 are "
        "there");
  CHECK(error(Unknown, {.addEos = true}) ==
        "s.model: the model has no bos or eos token to put around a text");
}

TEST_CASE("a damaged SentencePiece model never crashes", "[spiece]") {
  std::string whole = readText(goldenPath("tokenizer/small-unigram.model"));
  std::mt19937 random(23);
  for (int round = 0; round < 2000; ++round) {
    std::string copy = whole;
    if (round % 2)
      copy.resize(random() % copy.size());
    else
      for (unsigned n = 1 + random() % 3; n > 0; --n)
        copy[random() % copy.size()] = static_cast<char>(random());
    GuardedBytes bytes(copy);
    Result<TokenizerTable> built = parseSentencePiece(
        {reinterpret_cast<const char *>(bytes.bytes().data()), copy.size()},
        "s");
    if (!built)
      continue;
    Built opened(std::move(built));
    (void)opened->encode("Hello  A\u030a world \u3000 x\u00bd ab");
  }
}

TEST_CASE("a tokenizer is read by its file's name", "[spiece]") {
  auto kind = [](const char *name) {
    return Built(buildTokenizer(goldenPath("tokenizer/" + std::string(name))))
        ->kind();
  };
  CHECK(kind("small-smollm.gguf") == TokenizerKind::ByteBpe);
  CHECK(kind("chars.json") == TokenizerKind::Chars);
  CHECK(kind("small-vocab.txt") == TokenizerKind::WordPiece);
  CHECK(kind("small-unigram.model") == TokenizerKind::Unigram);
  Result<TokenizerTable> other = buildTokenizer("x.bin");
  REQUIRE_FALSE(other);
  CHECK(other.error().text ==
        "x.bin: no tokenizer by its name; heed reads *.gguf, tokenizer.json, "
        "vocab.txt and spiece.model");
}
