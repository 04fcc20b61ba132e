//===- Tokenizer.h - Text to token ids and back ---------------------------===//
//
// Reads a table that was built at compile time (Table.h). Equal token by token
// to Hugging Face's `tokenizers`, which reads texts as Unicode strings: bytes
// that are not UTF-8 are first replaced by U+FFFD, one for each maximal invalid
// subpart, as Python's decode(errors="replace") does.
//
// Character classes are those of Unicode 15 (the utf8proc of the build). A
// character that a later Unicode assigned counts as unassigned.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/tokenizer/Table.h"

#include <string>
#include <vector>

namespace heed {

struct EncodeOptions {
  /// Special tokens such as <|im_start|> or [MASK] that stand in the text
  /// become their ids. Off, they are text like any other: for texts nobody
  /// vouches for.
  bool parseSpecial = false;
  /// Put the model's own frame around the text: [CLS] … [SEP], or a bos token.
  bool addSpecial = true;
  /// At most so many ids, the frame counted; the text's end is cut. 0: no
  /// limit.
  size_t truncateTo = 0;
};

/// A stretch of a text that is encoded as one.
struct TextPart {
  std::string_view text;
  /// As EncodeOptions::parseSpecial, within this part.
  bool parseSpecial;
};

class Tokenizer {
public:
  /// The blob must be 8-aligned and outlive the tokenizer. Errors: a damaged
  /// table.
  static Result<Tokenizer> open(std::span<const std::byte> blob);

  /// Every id is below vocabularySize().
  std::vector<int32_t> encode(std::string_view text,
                              const EncodeOptions &options = {}) const;

  /// The ids of the parts' texts joined, without frame or limit. Tokens that
  /// are found whole do not reach over from part to part; all others may.
  std::vector<int32_t> encode(std::span<const TextPart> parts) const;

  /// Valid UTF-8. Ids that are not tokens are left out, and with `skipSpecial`
  /// special tokens too.
  std::string decode(std::span<const int32_t> ids,
                     bool skipSpecial = false) const;

  uint32_t vocabularySize() const { return table.size(); }
  TokenizerKind kind() const { return table.header().kind; }
  const SpecialIds &special() const { return table.header().special; }
  /// The model's limit in tokens, 0 where it has none.
  uint32_t maxLength() const { return table.header().maxLength; }
  /// Generation ends at this token: end of text or of a turn.
  bool isEnd(int32_t id) const;
  /// The token's own bytes, not necessarily a whole character; empty when `id`
  /// is no token.
  std::string_view tokenBytes(int32_t id) const;
  /// The id of the token of exactly these bytes, or NoToken; for tests and
  /// tools, it may search the whole vocabulary.
  int32_t idOf(std::string_view bytes) const;

  const Table &data() const { return table; }

private:
  explicit Tokenizer(Table table) : table(std::move(table)) {}
  void encodePlain(std::string_view text, bool prefix,
                   std::vector<int32_t> &ids, size_t enough) const;
  void encodeParts(std::span<const TextPart> parts, std::vector<int32_t> &ids,
                   size_t enough) const;

  Table table;
};

} // namespace heed
