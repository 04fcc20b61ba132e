//===- Utf8.h - Characters of a text that may not be UTF-8 ----------------===//
//
// Invalid bytes follow the Unicode standard's recommendation (section 3.9,
// "substitution of maximal subparts"), which is what Python's
// bytes.decode("utf-8", errors="replace") does: each maximal subpart of an
// ill-formed sequence becomes one U+FFFD.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heed {

inline constexpr char32_t ReplacementCharacter = 0xfffd;

struct Utf8Character {
  char32_t value = ReplacementCharacter;
  uint8_t size = 1; // bytes taken from the text, at least 1
  bool valid = false;
  /// Not valid, but more bytes could still make it so: the text ended early.
  bool incomplete = false;
};

/// The character at `at`, which must be below text.size().
inline Utf8Character characterAt(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(at);
  if (lead < 0x80)
    return {lead, 1, true, false};
  unsigned size = lead >= 0xc2 && lead <= 0xdf   ? 2
                  : lead >= 0xe0 && lead <= 0xef ? 3
                  : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                 : 0;
  if (size == 0)
    return {};
  // Overlong forms, surrogates and values past U+10FFFF fail at the second
  // byte.
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  char32_t value = lead & (0x7f >> size);
  for (unsigned i = 1; i < size; ++i) {
    uint8_t taken = static_cast<uint8_t>(i);
    if (at + i == text.size())
      return {ReplacementCharacter, taken, false, true};
    uint8_t next = byte(at + i);
    if (next < low || next > high)
      return {ReplacementCharacter, taken, false, false};
    value = value << 6 | (next & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return {value, static_cast<uint8_t>(size), true, false};
}

void appendUtf8(std::string &out, char32_t character);

bool isUtf8(std::string_view text);

/// `text` with each maximal invalid subpart replaced by U+FFFD.
std::string withValidUtf8(std::string_view text);

} // namespace heed
