//===- TokenizerJsonReader.h - The parts of a tokenizer.json --------------===//
#pragma once

#include "codegen/pack/tokenizer/FromTokenizerJson.h"
#include "codegen/pack/tokenizer/JsonFields.h"

namespace heed {

/// Fills a model from a tokenizer.json and the tokenizer_config.json beside it.
class TokenizerJsonReader {
public:
  TokenizerJsonReader(const JsonField &root, const std::string &label)
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

} // namespace heed
