//===- SentencePiece.h - Kudo and Richardson's tokenizer ------------------===//
//
// Text -> normal form: the model's character rules, spaces collapsed, a space
// before the text, spaces written as U+2581. Normal form -> tokens: by unigram
// scores (the best path) or by BPE (merges, the best score first). What no
// token covers is unknown: the bytes' tokens, or one unknown token for a whole
// run.
//
// Sources: Kudo & Richardson 2018 (arXiv 1808.06226), Kudo 2018 (1804.10959).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/tokenizer/Table.h"

#include <string>
#include <vector>

namespace heed {

/// How the model writes a space.
inline constexpr std::string_view SpaceMark = "\u2581";

class SentencePiece {
public:
  explicit SentencePiece(const Table &table) : table(table) {}

  /// Appends the ids of `text`, which is valid UTF-8. `prefix` says whether the
  /// model's space before a text goes before this one.
  void encode(std::string_view text, bool prefix, std::vector<int32_t> &ids);

private:
  /// A stretch of the normal form and its token, or NoToken.
  struct Piece {
    size_t begin, end;
    int32_t id;
  };
  void normalize(std::string_view text, bool prefix);
  void bestPath(std::vector<Piece> &pieces) const;
  void mergeAll(std::vector<Piece> &pieces) const;

  const Table &table;
  std::string normal;
};

} // namespace heed
