//===- TokenizerModel.h - A tokenizer as read, before it is a table -------===//
//
// The readers (FromGguf, FromTokenizerJson, FromVocabTxt) fill a model and
// check what they read; TableWriter lays it out.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/tokenizer/Table.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace heed {

struct TokenizerModel {
  TokenizerKind kind = TokenizerKind::ByteBpe;
  PreTokenizer rule = PreTokenizer::None;
  /// TableFlags.
  uint32_t flags = 0;
  /// Tokens as the file writes them, by id; no two alike.
  std::vector<std::string> names;
  /// What they stand for; as long as `names`.
  std::vector<std::string> bytes;
  /// TokenFlags; as long as `names`.
  std::vector<uint8_t> tokenFlags;
  /// SentencePiece: as long as `names`, all finite; else empty.
  std::vector<float> scores;
  /// SentencePiece: tokens that texts never become; as long as `names` or
  /// empty.
  std::vector<bool> unused;
  /// SentencePiece's character map (runtime/tokenizer/CharMap.h).
  std::vector<uint32_t> charTrie;
  std::string charTexts;
  /// By rank.
  std::vector<TableMerge> merges;
  SpecialIds special;
  int32_t frameStart = NoToken, frameEnd = NoToken;
  /// Byte-level BPE: what a byte without a token becomes; NoToken: nothing.
  int32_t missingByte = NoToken;
  uint32_t maxLength = 0;
  uint32_t maxWordChars = 0;
  /// What the table's character mappings do (WordPiece).
  bool lowerCase = false, stripAccents = false;
};

/// A table, ready to be placed at an 8-aligned offset.
struct TokenizerTable {
  std::vector<char> bytes;
  /// What the user should know, one line each: a chat template that was not
  /// understood.
  std::vector<std::string> warnings;
};

/// Name -> id. Views into the names that were indexed.
using VocabularyIndex = std::unordered_map<std::string_view, int32_t>;

/// Errors, starting with `label`: no tokens, too many, an empty name, a name
/// that stands twice.
Result<VocabularyIndex> indexVocabulary(const std::vector<std::string> &names,
                                        const std::string &label);

/// Fills `model.merges`. Errors: a merge of or into a string that is no token,
/// a merge that stands twice.
Status addMerges(
    TokenizerModel &model, const VocabularyIndex &index,
    const std::vector<std::pair<std::string_view, std::string_view>> &merges,
    const std::string &label);

} // namespace heed
