#include "codegen/pack/tokenizer/FromTokenizerJson.h"

#include "codegen/pack/tokenizer/ByteAlphabet.h"
#include "codegen/pack/tokenizer/ChatProbe.h"
#include "codegen/pack/tokenizer/JsonFields.h"
#include "codegen/pack/tokenizer/PreTokenizerNames.h"
#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/formats/MappedFile.h"

#include <filesystem>

namespace heed {

namespace {

class Reader {
public:
  Reader(const JsonField &root, const std::string &label)
      : root(root), label(label) {}

  Status read(const TokenizerJsonOptions &options);
  Status readConfig(const JsonField &config);

  TokenizerModel model;
  std::vector<std::string> warnings;
  std::string chat;

private:
  Error bad(std::string_view where, std::string_view what) const {
    return {concat(label, ": ", where, " ", what)};
  }
  Status readVocabulary(const JsonField &vocab);
  Status readAddedToken(const JsonField &token);
  Status readMerges(const JsonField &section);
  Status readBpe(const JsonField &section);
  Status readBytePreTokenizer(const JsonField &section);
  Status readByteLevel(const JsonField &section, PreTokenizer before);
  Status readWordPiece(const JsonField &section);
  Status readUnknown(const JsonField &section);
  Status readFrame(const JsonField &section);
  int32_t idOf(std::string_view name) const {
    auto found = index.find(name);
    return found == index.end() ? NoToken : found->second;
  }

  const JsonField &root;
  const std::string &label;
  VocabularyIndex index;
};

/// model.vocab and added_tokens: every id from 0 has one name.
Status Reader::readVocabulary(const JsonField &vocab) {
  if (!vocab.isObject())
    return bad(vocab.where(), "should be an object of tokens and ids");
  std::optional<JsonField> added = root.find("added_tokens");
  if (added && !added->isArray())
    return bad("added_tokens", "should be an array");
  size_t most = vocab.size() + (added ? added->size() : 0);
  model.names.resize(most);
  model.tokenFlags.assign(most, 0);
  size_t count = 0;
  auto place = [&](std::string_view name, const JsonField &id,
                   std::string_view where) -> Status {
    std::optional<int32_t> held = id.index();
    if (!held || static_cast<size_t>(*held) >= most)
      return bad(where, concat("gives ", inQuotes(name), " the id ",
                               id.json().dump().substr(0, 40),
                               "; ids go from 0 to ", most - 1));
    std::string &slot = model.names[*held];
    if (!slot.empty() && slot != name)
      return bad(where, concat("gives ", inQuotes(slot), " and ",
                               inQuotes(name), " the same id ", *held));
    slot = name;
    count = std::max(count, static_cast<size_t>(*held) + 1);
    return {};
  };
  for (const auto &[name, id] : vocab.json().items()) {
    if (name.empty())
      return bad(vocab.where(), "has an empty token");
    if (Status status = place(name, JsonField(id, ""), vocab.where()); !status)
      return status;
  }
  for (size_t i = 0; added && i < added->size(); ++i) {
    JsonField token = added->element(i);
    std::optional<std::string_view> name = token.stringOf("content");
    std::optional<JsonField> id = token.find("id");
    if (!name || name->empty() || !id)
      return bad(token.where(), "should have a content and an id");
    if (Status status = place(*name, *id, token.where()); !status)
      return status;
  }
  model.names.resize(count);
  model.tokenFlags.resize(count);
  for (size_t id = 0; id < count; ++id)
    if (model.names[id].empty())
      return bad(vocab.where(), concat("has no token with id ", id,
                                       ", but one with id ", count - 1));
  Result<VocabularyIndex> indexed = indexVocabulary(model.names, label);
  if (!indexed)
    return indexed.error();
  index = std::move(*indexed);
  for (size_t i = 0; added && i < added->size(); ++i)
    if (Status status = readAddedToken(added->element(i)); !status)
      return status;
  return {};
}

Status Reader::readAddedToken(const JsonField &token) {
  std::string_view name = *token.stringOf("content");
  model.tokenFlags[idOf(name)] |=
      token.flagOf("special", false) ? TokenSpecial : TokenWhole;
  for (const char *key : {"single_word", "lstrip", "rstrip"})
    if (token.flagOf(key, false))
      warnings.push_back(concat(label, ": ", token.where(), " ", inQuotes(name),
                                " asks for ", key,
                                ", which heed does not apply"));
  return {};
}

/// `merges`: "a b" or ["a", "b"].
Status Reader::readMerges(const JsonField &section) {
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

Status Reader::readUnknown(const JsonField &section) {
  std::optional<std::string_view> name = section.stringOf("unk_token");
  if (!name)
    return {};
  model.special.unk = idOf(*name);
  if (model.special.unk == NoToken)
    return bad("model.unk_token",
               concat(inQuotes(*name), " is not in the vocabulary"));
  return {};
}

Status Reader::readByteLevel(const JsonField &section, PreTokenizer before) {
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
Status Reader::readBytePreTokenizer(const JsonField &section) {
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

Status Reader::readBpe(const JsonField &section) {
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

Status Reader::readWordPiece(const JsonField &section) {
  model.kind = TokenizerKind::WordPiece;
  model.bytes = model.names;
  if (section.stringOf("continuing_subword_prefix").value_or("##") != "##")
    return bad("model.continuing_subword_prefix", "should be '##'");
  model.maxWordChars = 100;
  if (std::optional<JsonField> most =
          section.find("max_input_chars_per_word")) {
    std::optional<int32_t> held = most->index();
    if (!held)
      return bad(most->where(), "should be a number of characters");
    model.maxWordChars = static_cast<uint32_t>(*held);
  }
  if (Status status = readUnknown(section); !status)
    return status;
  if (model.special.unk == NoToken)
    model.special.unk = idOf("[UNK]");
  if (model.special.unk == NoToken)
    return bad("model.unk_token", "is missing");

  std::optional<JsonField> normalizer = root.find("normalizer");
  if (!normalizer || normalizer->typeName() != "BertNormalizer")
    return bad("normalizer",
               "should be a BertNormalizer for a WordPiece model");
  std::optional<JsonField> cut = root.find("pre_tokenizer");
  if (!cut || cut->typeName() != "BertPreTokenizer")
    return bad("pre_tokenizer",
               "should be a BertPreTokenizer for a WordPiece model");
  if (normalizer->flagOf("clean_text", true))
    model.flags |= CleanText;
  if (normalizer->flagOf("handle_chinese_chars", true))
    model.flags |= SplitCjk;
  model.lowerCase = normalizer->flagOf("lowercase", true);
  model.stripAccents = normalizer->flagOf("strip_accents", model.lowerCase);
  std::optional<JsonField> decoder = root.find("decoder");
  if (!decoder || decoder->flagOf("cleanup", true))
    model.flags |= CleanUpSpaces;
  model.special.cls = idOf("[CLS]");
  model.special.sep = idOf("[SEP]");
  model.special.pad = idOf("[PAD]");
  model.special.mask = idOf("[MASK]");
  return {};
}

/// What a post-processor puts before and after one text.
Status Reader::readFrame(const JsonField &section) {
  std::string_view type = section.typeName();
  if (type == "ByteLevel")
    return {}; // moves offsets only
  if (type == "Sequence") {
    std::optional<JsonField> list = section.find("processors");
    for (size_t i = 0; list && list->isArray() && i < list->size(); ++i) {
      JsonField inner = list->element(i);
      if (inner.typeName() == "Sequence")
        return bad(inner.where(), "is a sequence within a sequence");
      if (Status status = readFrame(inner); !status)
        return status;
    }
    return {};
  }
  auto set = [&](int32_t &frame, std::string_view name) -> Status {
    if (frame != NoToken)
      return bad(section.where(), "puts two tokens on one side of the text");
    frame = idOf(name);
    if (frame == NoToken)
      return bad(section.where(),
                 concat("names ", inQuotes(name), ", which is no token"));
    return {};
  };
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    for (auto [key, frame] : {std::pair{"cls", &model.frameStart},
                              std::pair{"sep", &model.frameEnd}}) {
      std::optional<JsonField> pair = section.find(key);
      if (!pair || !pair->isArray() || pair->size() == 0 ||
          !pair->element(0).string())
        return bad(section.where(), concat("should have ", key));
      if (Status status = set(*frame, *pair->element(0).string()); !status)
        return status;
    }
    return {};
  }
  std::optional<JsonField> single = section.find("single");
  if (type != "TemplateProcessing" || !single || !single->isArray())
    return bad("post_processor",
               concat("of type ", inQuotes(type), " is not known"));
  bool after = false;
  for (size_t i = 0; i < single->size(); ++i) {
    JsonField piece = single->element(i);
    if (piece.find("Sequence")) {
      after = true;
      continue;
    }
    std::optional<JsonField> token = piece.find("SpecialToken");
    std::optional<std::string_view> name =
        token ? token->stringOf("id") : std::nullopt;
    if (!name)
      return bad(piece.where(), "should be a Sequence or a SpecialToken");
    if (Status status = set(after ? model.frameEnd : model.frameStart, *name);
        !status)
      return status;
  }
  return {};
}

Status Reader::read(const TokenizerJsonOptions &options) {
  std::optional<JsonField> section = root.find("model");
  if (!section || !section->isObject())
    return bad("model", "is missing");
  std::string_view type = section->typeName();
  if (type != "BPE" && type != "WordPiece")
    return bad("model.type",
               concat("is ", inQuotes(type), "; heed reads BPE and WordPiece"));
  std::optional<JsonField> vocab = section->find("vocab");
  if (!vocab)
    return bad("model.vocab", "is missing");
  if (Status status = readVocabulary(*vocab); !status)
    return status;
  Status status = type == "BPE" ? readBpe(*section) : readWordPiece(*section);
  if (!status)
    return status;
  if (std::optional<JsonField> frame = root.find("post_processor"))
    if (Status framed = readFrame(*frame); !framed)
      return framed;
  if (std::optional<JsonField> truncation = root.find("truncation"))
    if (std::optional<JsonField> most = truncation->find("max_length"))
      model.maxLength = static_cast<uint32_t>(most->index().value_or(0));
  if (options.maxLength)
    model.maxLength = *options.maxLength;
  return {};
}

/// bos, eos and pad are texts, or objects with a content.
Status Reader::readConfig(const JsonField &config) {
  struct {
    const char *key;
    int32_t &id;
  } specials[] = {{"bos_token", model.special.bos},
                  {"eos_token", model.special.eos},
                  {"pad_token", model.special.pad}};
  for (auto &special : specials) {
    std::optional<JsonField> value = config.find(special.key);
    if (!value)
      continue;
    std::optional<std::string_view> name =
        value->isObject() ? value->stringOf("content") : value->string();
    if (!name || idOf(*name) == NoToken)
      return bad("tokenizer_config.json", concat("has a ", special.key,
                                                 " that is no token of the "
                                                 "vocabulary"));
    special.id = idOf(*name);
  }
  if (std::optional<std::string_view> source = config.stringOf("chat_template"))
    chat = addChat(model, *source, label, warnings);
  return {};
}

} // namespace

Result<TokenizerTable> parseTokenizerJson(std::string_view text,
                                          std::string_view config,
                                          const std::string &label,
                                          const TokenizerJsonOptions &options) {
  Result<nlohmann::json> parsed = parseJson(text, label);
  if (!parsed)
    return parsed.error();
  JsonField root(*parsed, "");
  Reader reader(root, label);
  if (Status status = reader.read(options); !status)
    return status.error();
  if (!config.empty()) {
    Result<nlohmann::json> beside =
        parseJson(config, concat(label, ": tokenizer_config.json"));
    if (!beside)
      return beside.error();
    if (Status status = reader.readConfig(JsonField(*beside, "")); !status)
      return status.error();
  }
  return TokenizerTable{writeTable(reader.model, reader.chat),
                        std::move(reader.warnings)};
}

static std::string_view textOf(const MappedFile &file) {
  return {reinterpret_cast<const char *>(file.bytes().data()),
          file.bytes().size()};
}

Result<TokenizerTable>
buildFromTokenizerJson(const std::string &path,
                       const TokenizerJsonOptions &options) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  std::filesystem::path beside =
      std::filesystem::path(path).parent_path() / "tokenizer_config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(beside, ignored))
    return parseTokenizerJson(textOf(*file), {}, path, options);
  Result<MappedFile> config = MappedFile::open(beside.string());
  if (!config)
    return config.error();
  return parseTokenizerJson(textOf(*file), textOf(*config), path, options);
}

} // namespace heed
