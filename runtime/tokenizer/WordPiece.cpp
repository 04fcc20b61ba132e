#include "runtime/tokenizer/WordPiece.h"

#include "runtime/tokenizer/Utf8.h"

#include <algorithm>

namespace heed {

static constexpr std::string_view Inside = "##";

/// Hangul syllables decompose by arithmetic (Unicode standard, section 3.12).
static constexpr char32_t HangulFirst = 0xac00, HangulLast = 0xd7a3;

static std::string decomposedHangul(char32_t syllable) {
  uint32_t index = syllable - HangulFirst;
  std::string out;
  appendUtf8(out, 0x1100 + index / (21 * 28));
  appendUtf8(out, 0x1161 + index / 28 % 21);
  if (uint32_t tail = index % 28)
    appendUtf8(out, 0x11a7 + tail);
  return out;
}

/// Ends the word: appends its pieces.
void WordPiece::addWord(std::vector<int32_t> &ids) {
  if (word.empty())
    return;
  size_t before = ids.size();
  bool known = characters <= table.header().maxWordChars;
  size_t longest = table.header().longestToken;
  for (size_t begin = 0; known && begin < word.size();) {
    std::string_view prefix = begin == 0 ? std::string_view() : Inside;
    size_t end = std::min(word.size(), begin + longest);
    int32_t id = NoToken;
    for (; end > begin; --end) {
      bool atCharacter = end == word.size() ||
                         (static_cast<uint8_t>(word[end]) & 0xc0) != 0x80;
      if (!atCharacter)
        continue;
      id =
          table.find(std::string_view(word).substr(begin, end - begin), prefix);
      if (id != NoToken)
        break;
    }
    known = id != NoToken;
    if (known)
      ids.push_back(id);
    begin = end;
  }
  if (!known) {
    ids.resize(before);
    ids.push_back(table.header().special.unk);
  }
  word.clear();
  characters = 0;
}

/// Takes a character after the mappings; punctuation is a word of its own.
void WordPiece::addCharacter(char32_t character, std::vector<int32_t> &ids) {
  bool alone = table.classes(character) & ClassPunct;
  if (alone)
    addWord(ids);
  appendUtf8(word, character);
  ++characters;
  if (alone)
    addWord(ids);
}

void WordPiece::encode(std::string_view text, std::vector<int32_t> &ids,
                       size_t enough) {
  bool clean = table.has(CleanText), splitCjk = table.has(SplitCjk);
  for (size_t at = 0; at < text.size() && ids.size() < enough;) {
    Utf8Character c = characterAt(text, at);
    at += c.size;
    uint8_t classes = table.classes(c.value);
    if (clean && (classes & ClassDropped))
      continue; // first: a vertical tab is a space too
    if (classes & ClassSpace) {
      addWord(ids);
      continue;
    }
    bool ideograph = splitCjk && (classes & ClassCjk);
    if (ideograph)
      addWord(ids);
    if (classes & ClassMapped) {
      bool hangul = c.value >= HangulFirst && c.value <= HangulLast;
      std::string syllable = hangul ? decomposedHangul(c.value) : std::string();
      std::string_view mapped = hangul ? syllable : table.mapped(c.value);
      for (size_t i = 0; i < mapped.size();) {
        Utf8Character m = characterAt(mapped, i);
        i += m.size;
        addCharacter(m.value, ids);
      }
    } else {
      addCharacter(c.value, ids);
    }
    if (ideograph)
      addWord(ids);
  }
  addWord(ids);
}

} // namespace heed
