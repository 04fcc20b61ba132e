#include "codegen/pack/tokenizer/FromGguf.h"

#include "codegen/pack/tokenizer/ByteAlphabet.h"
#include "codegen/pack/tokenizer/ChatProbe.h"
#include "codegen/pack/tokenizer/PreTokenizerNames.h"
#include "codegen/pack/tokenizer/SentencePieceParts.h"
#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/support/Text.h"

namespace heed {

namespace {

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
  Result<std::vector<int64_t>> types(size_t tokens) const;
  Result<bool> truth(std::string_view key, bool otherwise) const;
  Status readByteBpe(TokenizerModel &model) const;
  Status readSentencePiece(TokenizerModel &model) const;
  Status readCharMap(TokenizerModel &model) const;
  Status readMerges(TokenizerModel &model) const;
  Status readSpecials(TokenizerModel &model) const;
  Status readFrame(TokenizerModel &model) const;

  const Gguf &file;
  const std::string &label;
  VocabularyIndex index;
  /// What the frame is when the file does not say.
  bool addBos = false, addEos = false;
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

/// A type a token; all normal when the file does not say.
Result<std::vector<int64_t>> Reader::types(size_t tokens) const {
  std::optional<GgufValue> value = find("ggml.token_type");
  if (!value)
    return std::vector<int64_t>(tokens,
                                static_cast<int64_t>(PieceType::Normal));
  auto types = value->integers();
  if (!types)
    return bad("ggml.token_type", "should be an array of integers");
  if (types->size() != tokens)
    return bad("ggml.token_type", concat("has ", types->size(), " entries for ",
                                         tokens, " tokens"));
  for (size_t id = 0; id < tokens; ++id)
    if ((*types)[id] < 1 || (*types)[id] > 6)
      return bad("ggml.token_type",
                 concat("of token ", id, " is ", (*types)[id], ", not 1 to 6"));
  return std::move(*types);
}

Result<bool> Reader::truth(std::string_view key, bool otherwise) const {
  std::optional<GgufValue> value = find(key);
  if (!value)
    return otherwise;
  if (std::optional<bool> held = value->boolean())
    return *held;
  return bad(key, "should be a boolean");
}

Status Reader::readMerges(TokenizerModel &model) const {
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

Status Reader::readFrame(TokenizerModel &model) const {
  struct {
    const char *key;
    bool otherwise;
    int32_t id;
    int32_t &frame;
  } ends[] = {
      {"ggml.add_bos_token", addBos, model.special.bos, model.frameStart},
      {"ggml.add_eos_token", addEos, model.special.eos, model.frameEnd}};
  for (auto &end : ends) {
    Result<bool> wanted = truth(end.key, end.otherwise);
    if (!wanted)
      return wanted.error();
    if (*wanted && end.id == NoToken && find(end.key))
      return bad(end.key, "asks for a token that the file does not name");
    if (*wanted)
      end.frame = end.id;
  }
  return {};
}

Status Reader::readByteBpe(TokenizerModel &model) const {
  Result<std::vector<int64_t>> kinds = types(model.names.size());
  if (!kinds)
    return kinds.error();
  model.tokenFlags.assign(model.names.size(), 0);
  for (size_t id = 0; id < kinds->size(); ++id) {
    auto type = static_cast<PieceType>((*kinds)[id]);
    if (type == PieceType::Unknown || type == PieceType::Control)
      model.tokenFlags[id] = TokenSpecial;
    else if (type == PieceType::UserDefined)
      model.tokenFlags[id] = TokenWhole;
  }
  setByteLevelTokens(model, index);
  return readMerges(model);
}

Status Reader::readSentencePiece(TokenizerModel &model) const {
  std::optional<GgufValue> value = find("ggml.scores");
  if (!value)
    return bad("ggml.scores", "is missing");
  auto scores = value->numbers();
  if (!scores)
    return bad("ggml.scores", "should be an array of numbers");
  model.scores.assign(scores->begin(), scores->end());
  Result<std::vector<int64_t>> kinds = types(model.names.size());
  if (!kinds)
    return kinds.error();
  if (Status status = setPieces(model, *kinds, label); !status)
    return status;
  struct {
    const char *key;
    bool otherwise;
    TableFlags flag;
  } options[] = {{"ggml.add_space_prefix", true, AddPrefixSpace},
                 {"ggml.remove_extra_whitespaces", false, CollapseSpaces}};
  for (auto &option : options) {
    Result<bool> wanted = truth(option.key, option.otherwise);
    if (!wanted)
      return wanted.error();
    if (*wanted)
      model.flags |= option.flag;
  }
  return readCharMap(model);
}

Status Reader::readCharMap(TokenizerModel &model) const {
  std::optional<GgufValue> value = find("ggml.precompiled_charsmap");
  if (!value)
    return {};
  auto bytes = value->integers();
  if (!bytes)
    return bad("ggml.precompiled_charsmap", "should be an array of bytes");
  std::string blob;
  for (int64_t byte : *bytes)
    blob += static_cast<char>(byte);
  return setCharMap(model, blob, label);
}

Status Reader::read(TokenizerModel &model) {
  Result<std::string_view> kind = text("ggml.model");
  if (!kind)
    return kind.error();
  if (*kind == "gpt2") {
    Result<std::string_view> pre = text("ggml.pre");
    if (!pre)
      return pre.error();
    Result<NamedPreTokenizer> rule = preTokenizerByName(*pre, label);
    if (!rule)
      return rule.error();
    model.kind = TokenizerKind::ByteBpe;
    model.rule = rule->rule;
    model.flags = rule->wholePieceFirst ? WholePieceFirst : 0u;
    addBos = rule->addBos;
  } else if (*kind == "llama") {
    model.kind = TokenizerKind::SentencePieceBpe;
    addBos = true;
  } else if (*kind == "t5") {
    model.kind = TokenizerKind::Unigram;
    addEos = true;
  } else {
    return bad("ggml.model",
               concat("is ", inQuotes(*kind),
                      "; heed reads gpt2 (byte-level BPE), llama and t5 "
                      "(SentencePiece's BPE and unigram)"));
  }

  Result<std::vector<std::string_view>> names = texts("ggml.tokens");
  if (!names)
    return names.error();
  model.names.assign(names->begin(), names->end());
  Result<VocabularyIndex> indexed = indexVocabulary(model.names, label);
  if (!indexed)
    return indexed.error();
  index = std::move(*indexed);
  Status status = model.kind == TokenizerKind::ByteBpe
                      ? readByteBpe(model)
                      : readSentencePiece(model);
  if (!status)
    return status;
  if (Status specials = readSpecials(model); !specials)
    return specials;
  return readFrame(model);
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
