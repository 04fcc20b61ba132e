//===- StreamDecoder.h - Ids to text, as they come ------------------------===//
#pragma once

#include "runtime/tokenizer/Tokenizer.h"

namespace heed {

/// Turns ids into text one at a time and never emits half a character: bytes of
/// a character that is not complete yet are held back. What push() and flush()
/// return, joined, is Tokenizer::decode() of the same ids.
class StreamDecoder {
public:
  /// The tokenizer must outlive the decoder.
  explicit StreamDecoder(const Tokenizer &tokenizer, bool skipSpecial = true)
      : tokenizer(tokenizer), skipSpecial(skipSpecial) {}

  /// The text that `id` completes: valid UTF-8, perhaps empty. An id that is no
  /// token adds nothing.
  std::string push(int32_t id);

  /// The end: U+FFFD if an incomplete character was held back. The decoder is
  /// then as new.
  std::string flush();

private:
  std::string wordText(std::string_view token) const;
  std::string markedText(std::string_view token) const;

  const Tokenizer &tokenizer;
  bool skipSpecial;
  bool first = true;
  std::string held;
};

} // namespace heed
