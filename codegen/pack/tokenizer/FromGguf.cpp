#include "codegen/pack/tokenizer/FromGguf.h"

#include "codegen/pack/tokenizer/ByteAlphabet.h"
#include "codegen/pack/tokenizer/ChatProbe.h"
#include "codegen/pack/tokenizer/PreTokenizerNames.h"
#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/support/Text.h"

namespace heed {

namespace {

/// `tokenizer.ggml.token_type` of the GGUF specification.
enum GgufTokenType : int64_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

class Reader {
public:
  Reader(const Gguf &file, const std::string &label)
      : file(file), label(label) {}

  Status read(TokenizerModel &model);

private:
  Error bad(std::string_view key, std::string_view what) const {
    return {concat(label, ": metadata tokenizer.", key, " ", what)};
  }
  std::optional<GgufValue> find(std::string_view key) const {
    return file.find(concat("tokenizer.", key));
  }
  Result<std::string_view> text(std::string_view key) const;
  Result<std::vector<std::string_view>> texts(std::string_view key) const;
  Status readTypes(TokenizerModel &model) const;
  Status readMerges(TokenizerModel &model, const VocabularyIndex &index) const;
  Status readSpecials(TokenizerModel &model) const;
  Status readFrame(TokenizerModel &model, bool addBos) const;

  const Gguf &file;
  const std::string &label;
};

Result<std::string_view> Reader::text(std::string_view key) const {
  std::optional<GgufValue> value = find(key);
  if (!value)
    return bad(key, "is missing");
  if (auto held = value->string())
    return *held;
  return bad(key,
             concat("should be a string, is ", ggufTypeName(value->type())));
}

Result<std::vector<std::string_view>>
Reader::texts(std::string_view key) const {
  std::optional<GgufValue> value = find(key);
  if (!value)
    return bad(key, "is missing");
  if (auto held = value->strings())
    return std::move(*held);
  return bad(key, "should be an array of strings");
}

Status Reader::readTypes(TokenizerModel &model) const {
  model.tokenFlags.assign(model.names.size(), 0);
  std::optional<GgufValue> value = find("ggml.token_type");
  if (!value)
    return {};
  auto types = value->integers();
  if (!types)
    return bad("ggml.token_type", "should be an array of integers");
  if (types->size() != model.names.size())
    return bad("ggml.token_type", concat("has ", types->size(), " entries for ",
                                         model.names.size(), " tokens"));
  for (size_t id = 0; id < types->size(); ++id) {
    int64_t type = (*types)[id];
    if (type == Unknown || type == Control)
      model.tokenFlags[id] |= TokenSpecial;
    else if (type == UserDefined)
      model.tokenFlags[id] |= TokenWhole;
    else if (type < Normal || type > Byte)
      return bad("ggml.token_type",
                 concat("of token ", id, " is ", type, ", not 1 to 6"));
  }
  return {};
}

Status Reader::readMerges(TokenizerModel &model,
                          const VocabularyIndex &index) const {
  Result<std::vector<std::string_view>> lines = texts("ggml.merges");
  if (!lines)
    return lines.error();
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  merges.reserve(lines->size());
  for (std::string_view line : *lines) {
    // The alphabet has no space, so one space parts two names.
    size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0 ||
        space + 1 == line.size())
      return bad("ggml.merges",
                 concat("entry ", merges.size(), " is ", inQuotes(line),
                        ", not two tokens with a space between"));
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return addMerges(model, index, merges, label);
}

Status Reader::readSpecials(TokenizerModel &model) const {
  struct {
    const char *key;
    int32_t &id;
  } specials[] = {{"ggml.bos_token_id", model.special.bos},
                  {"ggml.eos_token_id", model.special.eos},
                  {"ggml.unknown_token_id", model.special.unk},
                  {"ggml.padding_token_id", model.special.pad},
                  {"ggml.seperator_token_id", model.special.sep}, // sic
                  {"ggml.cls_token_id", model.special.cls},
                  {"ggml.mask_token_id", model.special.mask},
                  {"ggml.eot_token_id", model.special.endOfTurn}};
  for (auto &special : specials) {
    std::optional<GgufValue> value = find(special.key);
    if (!value)
      continue;
    std::optional<int64_t> id = value->integer();
    if (!id)
      return bad(special.key, "should be an integer");
    if (*id < 0 || *id >= static_cast<int64_t>(model.names.size()))
      return bad(special.key, concat("is ", *id, ", and the vocabulary has ",
                                     model.names.size(), " tokens"));
    special.id = static_cast<int32_t>(*id);
  }
  return {};
}

Status Reader::readFrame(TokenizerModel &model, bool addBos) const {
  struct {
    const char *key;
    bool wanted;
    int32_t id;
    int32_t &frame;
  } ends[] = {
      {"ggml.add_bos_token", addBos, model.special.bos, model.frameStart},
      {"ggml.add_eos_token", false, model.special.eos, model.frameEnd}};
  for (auto &end : ends) {
    if (std::optional<GgufValue> value = find(end.key)) {
      std::optional<bool> wanted = value->boolean();
      if (!wanted)
        return bad(end.key, "should be a boolean");
      if (*wanted && end.id == NoToken)
        return bad(end.key, "asks for a token that the file does not name");
      end.wanted = *wanted;
    }
    if (end.wanted)
      end.frame = end.id;
  }
  return {};
}

Status Reader::read(TokenizerModel &model) {
  Result<std::string_view> kind = text("ggml.model");
  if (!kind)
    return kind.error();
  if (*kind != "gpt2")
    return bad("ggml.model", concat("is ", inQuotes(*kind),
                                    "; heed reads gpt2 (byte-level BPE)"));
  Result<std::string_view> pre = text("ggml.pre");
  if (!pre)
    return pre.error();
  Result<NamedPreTokenizer> rule = preTokenizerByName(*pre, label);
  if (!rule)
    return rule.error();
  model.kind = TokenizerKind::ByteBpe;
  model.rule = rule->rule;
  model.flags = rule->wholePieceFirst ? WholePieceFirst : 0;

  Result<std::vector<std::string_view>> names = texts("ggml.tokens");
  if (!names)
    return names.error();
  model.names.assign(names->begin(), names->end());
  Result<VocabularyIndex> index = indexVocabulary(model.names, label);
  if (!index)
    return index.error();
  if (Status status = readTypes(model); !status)
    return status;
  setByteLevelTokens(model, *index);
  if (Status status = readMerges(model, *index); !status)
    return status;
  if (Status status = readSpecials(model); !status)
    return status;
  return readFrame(model, rule->addBos);
}

} // namespace

Result<TokenizerTable> buildFromGguf(const Gguf &file,
                                     const std::string &label) {
  TokenizerModel model;
  if (Status status = Reader(file, label).read(model); !status)
    return status.error();
  std::string chat;
  std::vector<std::string> warnings;
  if (std::optional<GgufValue> value = file.find("tokenizer.chat_template"))
    chat = addChat(model, value->string().value_or(""), label, warnings);
  return TokenizerTable{writeTable(model, chat), std::move(warnings)};
}

} // namespace heed
