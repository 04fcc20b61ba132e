//===- Text.cpp - Small pieces of messages --------------------------------===//
#include "runtime/support/Text.h"

using namespace heed;

/// The length of the valid UTF-8 sequence at the start of `text`, or 0.
static size_t sequenceLength(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(0);
  size_t length = lead < 0x80                    ? 1
                  : lead >= 0xc2 && lead <= 0xdf ? 2
                  : lead >= 0xe0 && lead <= 0xef ? 3
                  : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                 : 0;
  if (length == 0 || length > text.size())
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  if (length > 2) {
    // Overlong forms, surrogates, beyond U+10FFFF.
    uint8_t second = byte(1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
      return 0;
  }
  // U+0080..U+009F are control characters to a terminal.
  if (lead == 0xc2 && byte(1) < 0xa0)
    return 0;
  return length;
}

std::string heed::printable(std::string_view text, size_t longest) {
  constexpr char hex[] = "0123456789abcdef";
  std::string out;
  size_t at = 0;
  while (at < text.size() && at < longest) {
    uint8_t byte = static_cast<uint8_t>(text[at]);
    size_t length = sequenceLength(text.substr(at));
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
      at += 1;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  if (at < text.size())
    out += "...";
  return out;
}

std::string heed::inQuotes(std::string_view text) {
  return "'" + printable(text, 80) + "'";
}

std::string heed::shapeText(std::span<const int64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    out += concat(i ? ", " : "", shape[i]);
  return out += "]";
}
