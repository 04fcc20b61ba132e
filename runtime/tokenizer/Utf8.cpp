#include "runtime/tokenizer/Utf8.h"

#include <cstring>

namespace heed {

void appendUtf8(std::string &out, char32_t c) {
  auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80 | (c >> shift & 0x3f));
  };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

bool isUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight;
    if (at + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + at, 8);
      if ((eight & 0x8080808080808080u) == 0) {
        at += 8;
        continue;
      }
    }
    Utf8Character c = characterAt(text, at);
    if (!c.valid)
      return false;
    at += c.size;
  }
  return true;
}

std::string withValidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Utf8Character c = characterAt(text, at);
    if (c.valid)
      out.append(text, at, c.size);
    else
      appendUtf8(out, ReplacementCharacter);
    at += c.size;
  }
  return out;
}

} // namespace heed
