//===- GoldenTests.cpp - Equal to `tokenizers`, token by token ------------===//
//
// The goldens are what Hugging Face's library says about tests/golden's hard
// text (make_tokenizer_goldens.py).
//
//===----------------------------------------------------------------------===//
#include "codegen/pack/tokenizer/FromGguf.h"
#include "codegen/pack/tokenizer/FromSentencePiece.h"
#include "codegen/pack/tokenizer/FromTokenizerJson.h"
#include "codegen/pack/tokenizer/FromVocabTxt.h"
#include "runtime/formats/Json.h"
#include "runtime/tokenizer/StreamDecoder.h"
#include "tests/tokenizer/Support.h"

using namespace heed;
using namespace heed::test;

namespace {

std::vector<int32_t> idsOf(const nlohmann::json &array) {
  std::vector<int32_t> ids;
  for (const nlohmann::json &id : array)
    ids.push_back(id.get<int32_t>());
  return ids;
}

void compare(const Tokenizer &tokenizer, const std::string &name,
             bool decodes = true) {
  std::string path = goldenPath("tokenizer/" + name + ".golden.json");
  Result<nlohmann::json> golden = parseJson(readText(path), path);
  REQUIRE(golden);
  EncodeOptions options{.parseSpecial = true,
                        .truncateTo = tokenizer.maxLength()};
  EncodeOptions plain{.addSpecial = false, .truncateTo = tokenizer.maxLength()};
  std::vector<std::string> lines = hardLines();
  REQUIRE(golden->at("lines").size() == lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    INFO(name << ", line " << i + 1 << ": " << lines[i]);
    CHECK(tokenizer.encode(lines[i], options) == idsOf(golden->at("lines")[i]));
    CHECK(tokenizer.encode(lines[i], plain) == idsOf(golden->at("plain")[i]));
  }
  std::vector<int32_t> whole = idsOf(golden->at("whole"));
  CHECK(tokenizer.encode(readText(goldenPath("hard_text.txt")), options) ==
        whole);
  CHECK(tokenizer.encode(readText(goldenPath("hard_bytes.bin")), options) ==
        idsOf(golden->at("bytes")));
  if (!decodes)
    return;
  CHECK(tokenizer.decode(whole) == golden->at("decoded").get<std::string>());
  CHECK(tokenizer.decode(whole, true) ==
        golden->at("decoded_without_special").get<std::string>());
}

Result<TokenizerTable> fromGgufFile(const std::string &path) {
  Result<Gguf> file = Gguf::open(path);
  if (!file)
    return file.error();
  return buildFromGguf(*file, path);
}

Result<TokenizerTable> fromJson(const std::string &name) {
  return buildFromTokenizerJson(goldenPath("tokenizer/" + name + ".json"));
}

} // namespace

TEST_CASE("a GGUF's byte-level BPE with single digits", "[golden]") {
  Built built(fromGgufFile(goldenPath("tokenizer/small-smollm.gguf")));
  compare(*built, "small-smollm");
  CHECK(built->special().bos == 1);
  CHECK(built->isEnd(2));
}

TEST_CASE("a tokenizer.json's byte-level BPE", "[golden]") {
  for (const char *name : {"small-gpt2", "small-llama3", "small-qwen2"}) {
    Built built(fromJson(name));
    compare(*built, name);
  }
}

TEST_CASE("WordPiece of a vocab.txt", "[golden]") {
  Built built(buildFromVocabTxt(goldenPath("tokenizer/small-vocab.txt")));
  CHECK(built->maxLength() == 256);
  compare(*built, "small-vocab");
}

TEST_CASE("WordPiece of a tokenizer.json, cased", "[golden]") {
  Built built(fromJson("small-cased"));
  compare(*built, "small-cased");
}

TEST_CASE("a token a character", "[golden]") {
  Built built(fromJson("chars"));
  compare(*built, "chars");
}

TEST_CASE("SentencePiece's unigram and BPE", "[golden]") {
  for (const char *name : {"small-unigram", "small-spbpe"}) {
    Built built(buildFromSentencePiece(
        goldenPath("tokenizer/" + std::string(name) + ".model")));
    compare(*built, name);
    Built fromGguf(
        fromGgufFile(goldenPath("tokenizer/" + std::string(name) + ".gguf")));
    compare(*fromGguf, name);
  }
}

TEST_CASE("the whole SmolLM2", "[golden][model]") {
  std::string path = cachedFile("SmolLM2-135M-Instruct.Q4_1.gguf");
  if (path.empty()) {
    WARN("skipped: no SmolLM2-135M-Instruct.Q4_1.gguf in the cache");
    return;
  }
  Built built(fromGgufFile(path));
  CHECK(built->vocabularySize() == 49152);
  compare(*built, "smollm2");
}

TEST_CASE("the whole MiniLM", "[golden][model]") {
  std::string vocab = cachedFile("all-MiniLM-L6-v2/vocab.txt");
  std::string json = cachedFile("all-MiniLM-L6-v2/tokenizer.json");
  if (vocab.empty() || json.empty()) {
    WARN("skipped: no all-MiniLM-L6-v2 in the cache");
    return;
  }
  compare(*Built(buildFromVocabTxt(vocab)), "minilm");
  compare(*Built(buildFromTokenizerJson(json, {.maxLength = 256})), "minilm");
}
