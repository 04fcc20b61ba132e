#include "codegen/pack/tokenizer/ChatProbe.h"
#include "codegen/pack/tokenizer/TokenizerJsonReader.h"

namespace heed {

/// model.vocab and added_tokens: every id from 0 has one name.
Status TokenizerJsonReader::readVocabulary(const JsonField &vocab) {
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

Status TokenizerJsonReader::readAddedToken(const JsonField &token) {
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

Status TokenizerJsonReader::readUnknown(const JsonField &section) {
  std::optional<std::string_view> name = section.stringOf("unk_token");
  if (!name)
    return {};
  model.special.unk = idOf(*name);
  if (model.special.unk == NoToken)
    return bad("model.unk_token",
               concat(inQuotes(*name), " is not in the vocabulary"));
  return {};
}

/// bos, eos and pad are texts, or objects with a content.
Status TokenizerJsonReader::readConfig(const JsonField &config) {
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

} // namespace heed
