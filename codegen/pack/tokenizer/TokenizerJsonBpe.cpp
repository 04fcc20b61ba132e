#include "codegen/pack/tokenizer/ByteAlphabet.h"
#include "codegen/pack/tokenizer/PreTokenizerNames.h"
#include "codegen/pack/tokenizer/TokenizerJsonReader.h"

namespace heed {

/// `merges`: "a b" or ["a", "b"].
Status TokenizerJsonReader::readMerges(const JsonField &section) {
  std::optional<JsonField> list = section.find("merges");
  if (!list || !list->isArray())
    return bad("model.merges", "should be an array");
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  merges.reserve(list->size());
  for (const nlohmann::json &entry : list->json()) {
    if (const auto *line = entry.get_ptr<const std::string *>()) {
      size_t space = line->find(' ');
      if (space != std::string::npos && space > 0 && space + 1 < line->size()) {
        merges.emplace_back(std::string_view(*line).substr(0, space),
                            std::string_view(*line).substr(space + 1));
        continue;
      }
    } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() &&
               entry[1].is_string()) {
      merges.emplace_back(*entry[0].get_ptr<const std::string *>(),
                          *entry[1].get_ptr<const std::string *>());
      continue;
    }
    return bad(concat("model.merges[", merges.size(), "]"),
               "should be two tokens with a space between");
  }
  return addMerges(model, index, merges, label);
}

Status TokenizerJsonReader::readByteLevel(const JsonField &section,
                                          PreTokenizer before) {
  if (section.flagOf("add_prefix_space", true))
    model.flags |= AddPrefixSpace;
  bool cuts = section.flagOf("use_regex", true);
  if (before == PreTokenizer::None)
    model.rule = cuts ? PreTokenizer::Gpt2 : PreTokenizer::None;
  else if (before == PreTokenizer::DigitsThenGpt2 && cuts)
    model.rule = before;
  else if (before != PreTokenizer::DigitsThenGpt2 && !cuts)
    model.rule = before;
  else
    return bad(section.where(), "has a use_regex that does not go with what "
                                "stands before it");
  return {};
}

/// ByteLevel, or a sequence of one cut and ByteLevel.
Status TokenizerJsonReader::readBytePreTokenizer(const JsonField &section) {
  if (section.typeName() == "ByteLevel")
    return readByteLevel(section, PreTokenizer::None);
  std::optional<JsonField> list = section.find("pretokenizers");
  if (section.typeName() == "Sequence" && list && list->isArray() &&
      list->size() == 2 && list->element(1).typeName() == "ByteLevel") {
    JsonField first = list->element(0);
    PreTokenizer rule = PreTokenizer::None;
    if (first.typeName() == "Digits" &&
        first.flagOf("individual_digits", false))
      rule = PreTokenizer::DigitsThenGpt2;
    std::optional<JsonField> pattern = first.find("pattern");
    bool isolates = first.stringOf("behavior") == "Isolated" &&
                    !first.flagOf("invert", false);
    if (first.typeName() == "Split" && pattern && isolates)
      rule = preTokenizerByPattern(pattern->stringOf("Regex").value_or(""));
    if (rule != PreTokenizer::None)
      return readByteLevel(list->element(1), rule);
    return bad(
        first.where(),
        concat("of type ", inQuotes(first.typeName()),
               " is not known; known are Digits with individual_digits, "
               "and Split by the patterns of GPT-2, Llama 3 and Qwen 2"));
  }
  return bad("pre_tokenizer",
             concat("of type ", inQuotes(section.typeName()),
                    " is not known with a BPE model; known are ByteLevel, a "
                    "Sequence of Digits or Split and ByteLevel, and none"));
}

Status TokenizerJsonReader::readBpe(const JsonField &section) {
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (std::optional<std::string_view> affix = section.stringOf(key);
        affix && !affix->empty())
      return bad(concat("model.", key), "is not supported");
  if (section.flagOf("byte_fallback", false))
    return bad("model.byte_fallback", "is not supported");
  if (Status status = readUnknown(section); !status)
    return status;
  if (Status status = readMerges(section); !status)
    return status;
  if (std::optional<JsonField> normalizer = root.find("normalizer"))
    warnings.push_back(concat(label, ": the normalizer ",
                              inQuotes(normalizer->typeName()),
                              " is not applied"));
  if (std::optional<JsonField> cut = root.find("pre_tokenizer")) {
    model.kind = TokenizerKind::ByteBpe;
    model.missingByte = model.special.unk;
    setByteLevelTokens(model, index);
    if (section.flagOf("ignore_merges", false))
      model.flags |= WholePieceFirst;
    return readBytePreTokenizer(*cut);
  }
  if (!model.merges.empty())
    return bad("pre_tokenizer",
               "is missing: a BPE model without one is read as "
               "single characters, and this one has merges");
  if (model.special.unk == NoToken)
    return bad("model.unk_token",
               "is missing: a vocabulary of characters needs "
               "it for all others");
  model.kind = TokenizerKind::Chars;
  model.bytes = model.names;
  return {};
}

} // namespace heed
