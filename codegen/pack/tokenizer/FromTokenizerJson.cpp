#include "codegen/pack/tokenizer/FromTokenizerJson.h"

#include "codegen/pack/tokenizer/TableWriter.h"
#include "codegen/pack/tokenizer/TokenizerJsonReader.h"
#include "runtime/formats/MappedFile.h"

#include <filesystem>

namespace heed {

/// What a post-processor puts before and after one text.
Status TokenizerJsonReader::readFrame(const JsonField &section) {
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

Status TokenizerJsonReader::read(const TokenizerJsonOptions &options) {
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

Result<TokenizerTable> parseTokenizerJson(std::string_view text,
                                          std::string_view config,
                                          const std::string &label,
                                          const TokenizerJsonOptions &options) {
  Result<nlohmann::json> parsed = parseJson(text, label);
  if (!parsed)
    return parsed.error();
  JsonField root(*parsed, "");
  TokenizerJsonReader reader(root, label);
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
