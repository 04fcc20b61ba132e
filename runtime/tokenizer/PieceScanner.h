//===- PieceScanner.h - Cuts a text before the merges ---------------------===//
//
// Byte-level BPE merges within pieces. The models define the cut by a regular
// expression; these scanners, over the table's character classes, equal it:
//
// Gpt2
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// DigitsThenGpt2
//   \p{N} alone, then Gpt2 within each stretch between, as if it were a text
// Llama3, and Qwen2 with \p{N} in place of \p{N}{1,3}
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
//   | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Linear in the text: a character is looked at a bounded number of times.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/tokenizer/Table.h"

namespace heed {

class PieceScanner {
public:
  /// `text` must be valid UTF-8.
  PieceScanner(const Table &table, std::string_view text)
      : table(table), text(text) {}

  /// Sets `piece` to the next piece; false at the end. The pieces joined are
  /// the text.
  bool next(std::string_view &piece);

private:
  /// A character's classes and its end in bytes.
  struct Seen {
    uint8_t classes;
    size_t end;
  };
  Seen look(size_t at) const;
  size_t runEnd(size_t at, uint8_t any) const;
  size_t otherRunEnd(size_t at) const;
  size_t spaceRunEnd(size_t at) const;
  size_t contractionEnd(size_t at, bool blindToCase) const;
  size_t gpt2End(size_t at) const;
  size_t llama3End(size_t at, unsigned digits) const;
  void startStretch();

  const Table &table;
  std::string_view text;
  size_t start = 0;
  /// Pieces and look-ahead end here: the text's end, or a stretch's.
  size_t limit = 0;
};

} // namespace heed
