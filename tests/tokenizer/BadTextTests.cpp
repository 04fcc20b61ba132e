//===- BadTextTests.cpp - tokenizer.json and vocab.txt that make none -----===//
#include "codegen/pack/tokenizer/FromTokenizerJson.h"
#include "codegen/pack/tokenizer/FromVocabTxt.h"
#include "runtime/formats/Json.h"
#include "tests/runtime/TestFiles.h"
#include "tests/tokenizer/Support.h"

using namespace heed;
using namespace heed::test;

namespace {

std::string jsonError(const std::string &text, const std::string &config = "") {
  Result<TokenizerTable> built = parseTokenizerJson(text, config, "f");
  REQUIRE_FALSE(built);
  return built.error().text;
}

/// The message of a golden tokenizer with a JSON patch applied.
std::string patched(const char *name, const std::string &patch) {
  nlohmann::json root = nlohmann::json::parse(
      readText(goldenPath("tokenizer/" + std::string(name) + ".json")));
  root.merge_patch(nlohmann::json::parse(patch));
  return jsonError(root.dump());
}

std::string vocabError(const std::string &text) {
  Result<TokenizerTable> built = parseVocabTxt(text, "v.txt");
  REQUIRE_FALSE(built);
  return built.error().text;
}

const std::string Chars = R"({"model": {"type": "BPE", "unk_token": "?",
  "vocab": {"?": 0, "a": 1, "b": 2}, "merges": []}})";

} // namespace

TEST_CASE("a vocab.txt is read by its lines", "[vocab]") {
  Built built(parseVocabTxt("[UNK]\r\n[CLS]\n[SEP]\nab\n##c", "v.txt"));
  CHECK(built->vocabularySize() == 5);
  CHECK(built->encode("ABc abd") == std::vector<int32_t>{1, 3, 4, 0, 2});
}

TEST_CASE("vocab.txt: what is wrong, and in which line", "[vocab]") {
  CHECK(vocabError("[CLS]\n[SEP]\nx\n") ==
        "v.txt: the vocabulary of 3 tokens has no [UNK]");
  CHECK(vocabError("[UNK]\n[SEP]\n") ==
        "v.txt: the vocabulary of 2 tokens has no [CLS]");
  CHECK(vocabError("[UNK]\nx\ny\nx\n") ==
        "v.txt:4: 'x' stands on line 2 already");
  CHECK_THAT(vocabError("[UNK]\n\nx\n"),
             Catch::Matchers::StartsWith("v.txt:2: an empty line"));
  CHECK(vocabError("[UNK]\n\xff\n") == "v.txt:2: '\\xff' is not UTF-8");
  CHECK(vocabError("") == "v.txt: the vocabulary is empty");
}

TEST_CASE("files that cannot be read are named", "[vocab]") {
  TempFolder folder;
  std::string missing = folder.path("none");
  for (const Result<TokenizerTable> &built :
       {buildFromVocabTxt(missing), buildFromTokenizerJson(missing)}) {
    REQUIRE_FALSE(built);
    CHECK_THAT(built.error().text, Catch::Matchers::Contains(missing));
  }
}

TEST_CASE("tokenizer.json: broken JSON", "[json]") {
  CHECK_THAT(jsonError("{\"model\": "),
             Catch::Matchers::Contains("f") &&
                 Catch::Matchers::Contains("line 1"));
  CHECK_THAT(jsonError("{\"model\": {\"vocab\": {\"a\": 0,\n\"a\": 1}}}"),
             Catch::Matchers::Contains("'a' stands twice"));
  CHECK_FALSE(jsonError(std::string(100000, '[')).empty());
  CHECK_FALSE(jsonError("").empty());
  CHECK(jsonError("[]") == "f: model is missing");
  CHECK(jsonError("{}") == "f: model is missing");
}

TEST_CASE("tokenizer.json: parts that heed does not have", "[json]") {
  CHECK(patched("chars", R"({"model": {"type": "Unigramm"}})") ==
        "f: model.type is 'Unigramm'; heed reads BPE and WordPiece");
  CHECK_THAT(
      patched("small-gpt2", R"({"pre_tokenizer": {"type": "Metaspace"}})"),
      Catch::Matchers::StartsWith("f: pre_tokenizer of type 'Metaspace' is not "
                                  "known with a BPE model; known are"));
  CHECK_THAT(
      patched("small-qwen2", R"({"pre_tokenizer": {"pretokenizers": [
          {"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Isolated",
           "invert": false}, {"type": "ByteLevel"}]}})"),
      Catch::Matchers::StartsWith(
          "f: pre_tokenizer.pretokenizers[0] of type 'Split' is not known"));
  CHECK(patched("small-gpt2", R"({"model": {"byte_fallback": true}})") ==
        "f: model.byte_fallback is not supported");
  CHECK(patched("small-gpt2", R"({"model": {"end_of_word_suffix": "x"}})") ==
        "f: model.end_of_word_suffix is not supported");
  CHECK(patched("small-cased", R"({"normalizer": {"type": "NFC"}})") ==
        "f: normalizer should be a BertNormalizer for a WordPiece model");
  CHECK(patched("small-cased", R"({"pre_tokenizer": null})") ==
        "f: pre_tokenizer should be a BertPreTokenizer for a WordPiece model");
  CHECK(patched("small-cased", R"({"post_processor": {"type": "X"}})") ==
        "f: post_processor of type 'X' is not known");
}

TEST_CASE("tokenizer.json: a normalizer that is left out is told", "[json]") {
  nlohmann::json root =
      nlohmann::json::parse(readText(goldenPath("tokenizer/small-gpt2.json")));
  root["normalizer"] = {{"type", "NFC"}};
  Result<TokenizerTable> built = parseTokenizerJson(root.dump(), "", "f");
  REQUIRE(built);
  CHECK(built->warnings ==
        std::vector<std::string>{"f: the normalizer 'NFC' is not applied"});
}

TEST_CASE("tokenizer.json: ids and names that do not fit", "[json]") {
  auto vocab = [](const std::string &entries) {
    return jsonError(R"({"model": {"type": "BPE", "unk_token": "?",
                     "merges": [], "vocab": )" +
                     entries + "}}");
  };
  CHECK(vocab("[]") == "f: model.vocab should be an object of tokens and ids");
  CHECK(vocab("{}") == "f: the vocabulary is empty");
  CHECK(vocab(R"({"?": 0, "a": 0})") ==
        "f: model.vocab gives '?' and 'a' the same id 0");
  CHECK(vocab(R"({"?": 0, "a": 2})") ==
        "f: model.vocab gives 'a' the id 2; ids go from 0 to 1");
  CHECK(vocab(R"({"?": 0, "a": -1})") ==
        "f: model.vocab gives 'a' the id -1; ids go from 0 to 1");
  CHECK(vocab(R"({"?": 0, "a": "1"})") ==
        "f: model.vocab gives 'a' the id \"1\"; ids go from 0 to 1");
  CHECK(vocab(R"({"": 0})") == "f: model.vocab has an empty token");
  CHECK(vocab(R"({"a": 0})") ==
        "f: model.unk_token '?' is not in the vocabulary");
  CHECK(patched("chars", R"({"added_tokens": [{"id": 1, "content": "0x"}]})") ==
        "f: added_tokens[0] gives '0' and '0x' the same id 1");
  CHECK(patched("chars", R"({"added_tokens": [{"content": "x"}]})") ==
        "f: added_tokens[0] should have a content and an id");
  CHECK(patched("chars", R"({"model": {"unk_token": null}})") ==
        "f: model.unk_token is missing: a vocabulary of characters needs it "
        "for all others");
  CHECK(patched("small-cased", R"({"model": {"unk_token": "[X]"}})") ==
        "f: model.unk_token '[X]' is not in the vocabulary");
}

TEST_CASE("tokenizer.json: merges of unknown tokens", "[json]") {
  CHECK(patched("small-gpt2", R"({"model": {"merges": ["e € x"]}})") ==
        "f: merge 0 of 'e' and '€ x': '€ x' is not in the vocabulary");
  CHECK(patched("small-gpt2", R"({"model": {"merges": [["e"]]}})") ==
        "f: model.merges[0] should be two tokens with a space between");
  CHECK(patched("small-gpt2", R"({"model": {"merges": 1}})") ==
        "f: model.merges should be an array");
  CHECK(patched("chars", R"({"model": {"vocab": {"12": 49},
                          "merges": ["1 2"]}})") ==
        "f: pre_tokenizer is missing: a BPE model without one is read as "
        "single characters, and this one has merges");
}

TEST_CASE("tokenizer_config.json names bos, eos and pad", "[json]") {
  Built built(parseTokenizerJson(
      Chars, R"({"eos_token": {"content": "b"}, "bos_token": "a"})", "f"));
  CHECK(built->special().eos == 2);
  CHECK(built->special().bos == 1);
  CHECK(jsonError(Chars, R"({"eos_token": "x"})") ==
        "f: tokenizer_config.json has a eos_token that is no token of the "
        "vocabulary");
  CHECK(jsonError(Chars, R"({"eos_token": 3})") ==
        "f: tokenizer_config.json has a eos_token that is no token of the "
        "vocabulary");
  CHECK_THAT(jsonError(Chars, "{"),
             Catch::Matchers::StartsWith("f: tokenizer_config.json"));
}

TEST_CASE("a damaged tokenizer.json never crashes its reader", "[json]") {
  for (const char *name : {"chars", "small-cased", "small-llama3"}) {
    std::string text =
        readText(goldenPath("tokenizer/" + std::string(name) + ".json"));
    std::mt19937 random(5);
    for (int round = 0; round < 150; ++round) {
      std::string copy = text;
      // Half of the damage in the first part, where the structure is.
      for (unsigned n = 1 + random() % 3; n > 0; --n) {
        size_t bound = random() % 2 ? copy.size() : copy.size() / 8;
        copy[random() % bound] = "{}[]\",:0a\xff"[random() % 10];
      }
      if (random() % 4 == 0)
        copy.resize(random() % copy.size());
      Result<TokenizerTable> built = parseTokenizerJson(copy, "", "f");
      if (built)
        CHECK(Tokenizer::open(std::as_bytes(std::span(built->bytes))));
    }
  }
}
