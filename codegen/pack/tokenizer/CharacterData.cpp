#include "codegen/pack/tokenizer/CharacterData.h"

#include "codegen/pack/tokenizer/ReferenceCategories.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>
#include <map>
#include <utf8proc.h>

namespace heed {

static bool isSurrogate(char32_t c) { return c >= 0xd800 && c <= 0xdfff; }

static bool isWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// The blocks of ideographs that BERT sets apart; not all that Unicode has.
static bool isBertCjk(char32_t c) {
  static constexpr char32_t Ranges[][2] = {
      {0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df},
      {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf},
      {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
  return std::any_of(std::begin(Ranges), std::end(Ranges), [c](auto &range) {
    return c >= range[0] && c <= range[1];
  });
}

static uint8_t classesOf(char32_t c) {
  uint8_t classes = 0;
  switch (referenceCategory(c)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
    classes |= ClassLetter;
    break;
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    classes |= ClassNumber;
    break;
  case UTF8PROC_CATEGORY_PC:
  case UTF8PROC_CATEGORY_PD:
  case UTF8PROC_CATEGORY_PS:
  case UTF8PROC_CATEGORY_PE:
  case UTF8PROC_CATEGORY_PI:
  case UTF8PROC_CATEGORY_PF:
  case UTF8PROC_CATEGORY_PO:
    classes |= ClassPunct;
    break;
  case UTF8PROC_CATEGORY_CC:
    if (c != '\t' && c != '\n' && c != '\r')
      classes |= ClassDropped;
    break;
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CO:
    classes |= ClassDropped;
    break;
  default:
    break;
  }
  bool asciiSymbol = c > ' ' && c < 0x7f &&
                     std::string_view("$+<=>^`|~").find(static_cast<char>(c)) !=
                         std::string_view::npos;
  if (asciiSymbol)
    classes |= ClassPunct;
  if (c == ReplacementCharacter)
    classes |= ClassDropped;
  if (isWhiteSpace(c))
    classes |= ClassSpace;
  if (isBertCjk(c))
    classes |= ClassCjk;
  return classes;
}

/// What a character becomes: decomposed without Mn, then lower case, as asked.
static std::string mappingOf(char32_t c, bool lowerCase, bool stripAccents) {
  utf8proc_int32_t parts[16] = {static_cast<utf8proc_int32_t>(c)};
  utf8proc_ssize_t count = 1;
  if (stripAccents) {
    int boundary = 0;
    if (referenceDecomposes(c))
      count = utf8proc_decompose_char(parts[0], parts, 16, UTF8PROC_DECOMPOSE,
                                      &boundary);
  }
  std::string out;
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    utf8proc_int32_t part = parts[i];
    if (stripAccents &&
        referenceCategory(static_cast<char32_t>(part)) == UTF8PROC_CATEGORY_MN)
      continue;
    if (lowerCase)
      part = utf8proc_tolower(part);
    appendUtf8(out, static_cast<char32_t>(part));
    // The one character whose lower case is two; with accents stripped it never
    // gets here.
    if (lowerCase && parts[i] == 0x130)
      out.replace(out.size() - 1, 1, "i\u0307");
  }
  return out;
}

CharacterData makeCharacterData(uint8_t wanted, bool lowerCase,
                                bool stripAccents) {
  CharacterData data;
  std::map<std::vector<uint8_t>, uint16_t> known;
  std::vector<uint8_t> block;
  for (char32_t c = 0; c < CharacterCount; ++c) {
    uint8_t classes = isSurrogate(c) ? 0 : classesOf(c);
    bool hangul = c >= 0xac00 && c <= 0xd7a3;
    if (hangul && stripAccents) {
      classes |= ClassMapped;
    } else if ((lowerCase || stripAccents) && !isSurrogate(c)) {
      std::string self;
      appendUtf8(self, c);
      std::string mapping = mappingOf(c, lowerCase, stripAccents);
      if (mapping != self) {
        classes |= ClassMapped;
        data.mappings.push_back(
            {static_cast<uint32_t>(c),
             static_cast<uint32_t>(data.mappingBytes.size()),
             static_cast<uint32_t>(mapping.size())});
        data.mappingBytes += mapping;
      }
    }
    block.push_back(classes & wanted);
    if (block.size() < ClassBlockSize)
      continue;
    auto [at, isNew] =
        known.emplace(block, static_cast<uint16_t>(known.size()));
    if (isNew)
      data.blocks.insert(data.blocks.end(), block.begin(), block.end());
    data.index.push_back(at->second);
    block.clear();
  }
  return data;
}

} // namespace heed
