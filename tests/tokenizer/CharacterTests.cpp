//===- CharacterTests.cpp - Classes and mappings of every character -------===//
#include "codegen/pack/tokenizer/CharacterData.h"
#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/formats/Json.h"
#include "runtime/tokenizer/Utf8.h"
#include "tests/tokenizer/Support.h"

#include <utf8proc.h>

using namespace heed;
using namespace heed::test;

namespace {

nlohmann::json golden() {
  std::string path = goldenPath("tokenizer/characters.golden.json");
  Result<nlohmann::json> parsed = parseJson(readText(path), path);
  REQUIRE(parsed);
  return std::move(*parsed);
}

/// The values of runs [first, value], a value a character.
std::vector<int> expanded(const nlohmann::json &runs) {
  std::vector<int> values(CharacterCount);
  for (size_t i = 0; i < runs.size(); ++i) {
    size_t end = i + 1 < runs.size() ? runs[i + 1][0].get<size_t>()
                                     : size_t(CharacterCount);
    for (size_t c = runs[i][0].get<size_t>(); c < end; ++c)
      values[c] = runs[i][1].get<int>();
  }
  return values;
}

/// The reference knows characters that Unicode 15 does not.
bool isAssigned(size_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character)) !=
         UTF8PROC_CATEGORY_CN;
}

/// A table with nothing but the characters of a kind.
Built tableOf(TokenizerKind kind, PreTokenizer rule) {
  TokenizerModel model;
  model.kind = kind;
  model.rule = rule;
  model.names = model.bytes = {"x"};
  model.tokenFlags = {0};
  model.special.unk = 0;
  model.lowerCase = model.stripAccents = true;
  return Built(TokenizerTable{writeTable(model), {}});
}

} // namespace

TEST_CASE("letters, numbers and spaces are the reference's", "[characters]") {
  Built built = tableOf(TokenizerKind::ByteBpe, PreTokenizer::Gpt2);
  std::vector<int> wanted = expanded(golden().at("gpt2"));
  std::vector<size_t> wrong;
  for (size_t c = 0; c < CharacterCount; ++c)
    if (isAssigned(c) &&
        built->data().classes(static_cast<char32_t>(c)) != wanted[c])
      wrong.push_back(c);
  CHECK(wrong == std::vector<size_t>{});
}

TEST_CASE("BERT's words and drops are the reference's", "[characters]") {
  Built built = tableOf(TokenizerKind::WordPiece, PreTokenizer::None);
  const Table &table = built->data();
  std::vector<int> wanted = expanded(golden().at("bert"));
  std::vector<size_t> wrong;
  for (size_t c = 0; c < CharacterCount; ++c) {
    auto character = static_cast<char32_t>(c);
    bool hangul = c >= 0xac00 && c <= 0xd7a3;
    uint8_t classes = table.classes(character);
    std::string_view mapped = table.mapped(character);
    bool gone = (classes & ClassMapped) && !hangul && mapped.empty();
    // What is a word of its own after the mapping counts.
    uint8_t after =
        mapped.empty() ? classes : table.classes(characterAt(mapped, 0).value);
    int found = (classes & ClassDropped) || gone               ? 3
                : (classes & ClassSpace)                       ? 2
                : (classes & ClassCjk) || (after & ClassPunct) ? 1
                                                               : 0;
    if (isAssigned(c) && found != wanted[c])
      wrong.push_back(c);
  }
  CHECK(wrong == std::vector<size_t>{});
}

TEST_CASE("lower case without accents is the reference's", "[characters]") {
  Built built = tableOf(TokenizerKind::WordPiece, PreTokenizer::None);
  const Table &table = built->data();
  std::vector<std::string> wanted(CharacterCount);
  nlohmann::json texts = golden().at("bert_text");
  for (const nlohmann::json &entry : texts)
    wanted[entry[0].get<size_t>()] = entry[1].get<std::string>();
  CHECK(texts.size() > 3000);
  std::vector<size_t> wrong;
  for (size_t c = 0; c < CharacterCount; ++c)
    if (isAssigned(c) && table.mapped(static_cast<char32_t>(c)) != wanted[c])
      wrong.push_back(c);
  CHECK(wrong == std::vector<size_t>{});
}
