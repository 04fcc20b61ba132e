//===- WordPiece.h - BERT's words and their pieces ------------------------===//
//
// Text -> words: clean-up, CJK ideographs apart, lower case and accents off
// (the table's mappings), punctuation apart. Words -> tokens: the longest token
// that starts the word, then the longest `##` token that starts the rest, and
// so on; [UNK] for a word that this does not use up.
//
// Source: Wu et al. 2016 (arXiv 1609.08144) and BERT's tokenization.
//
// One known difference from the reference library: it sorts combining marks
// canonically before it drops the non-spacing ones; only a letter with two
// spacing marks that have combining classes (viramas, tone and note marks) can
// tell.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/tokenizer/Table.h"

#include <string>
#include <vector>

namespace heed {

class WordPiece {
public:
  explicit WordPiece(const Table &table) : table(table) {}

  /// Appends the ids of `text`, which is valid UTF-8; stops after the word that
  /// brings `ids` to `enough` or more.
  void encode(std::string_view text, std::vector<int32_t> &ids, size_t enough);

private:
  void addCharacter(char32_t character, std::vector<int32_t> &ids);
  void addWord(std::vector<int32_t> &ids);

  const Table &table;
  /// The word so far, and its length in characters.
  std::string word;
  size_t characters = 0;
};

} // namespace heed
