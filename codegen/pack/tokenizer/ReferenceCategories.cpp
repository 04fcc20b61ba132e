#include "codegen/pack/tokenizer/ReferenceCategories.h"

#include <algorithm>
#include <iterator>

namespace heed {

/// First and last of stretches whose marks, punctuation and format characters
/// the reference's table does not have; found by asking tokenizers 0.23.3 about
/// every character (tests/tokenizer/CharacterTests.cpp does the same).
static constexpr char32_t Unknown[][2] = {
    {0x61d, 0x61d},     {0x7fd, 0x7fd},     {0x890, 0x8e2},
    {0x9fd, 0x9fe},     {0xa76, 0xa76},     {0xafa, 0xaff},
    {0xb55, 0xb55},     {0xc04, 0xc3c},     {0xc77, 0xc77},
    {0xc84, 0xc84},     {0xd00, 0xd00},     {0xd3b, 0xd3c},
    {0xd81, 0xd81},     {0xeba, 0xeba},     {0xece, 0xece},
    {0x180f, 0x1886},   {0x1abf, 0x1ace},   {0x1b7d, 0x1b7e},
    {0x1df6, 0x1dfb},   {0x2e43, 0x2e5d},   {0xa82c, 0xa82c},
    {0xa8c5, 0xa8c5},   {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},
    {0x10d24, 0x10f89}, {0x11070, 0x11074}, {0x110c2, 0x110cd},
    {0x111c9, 0x111c9}, {0x111cf, 0x111cf}, {0x1123e, 0x11241},
    {0x1133b, 0x1133b}, {0x11438, 0x1145e}, {0x11660, 0x1166c},
    {0x116b9, 0x116b9}, {0x1182f, 0x11fff}, {0x12ff1, 0x13455},
    {0x16e97, 0x16f4f}, {0x16fe2, 0x16fe4}, {0x1cf00, 0x1cf46},
    {0x1e000, 0x1e4ef}, {0x1e944, 0x1e95f}};

utf8proc_category_t referenceCategory(char32_t character) {
  // Three characters changed their category.
  if (character == 0x1734)
    return UTF8PROC_CATEGORY_MN;
  if (character == 0x166d || character == 0x111c9)
    return UTF8PROC_CATEGORY_PO;
  utf8proc_category_t category =
      utf8proc_category(static_cast<utf8proc_int32_t>(character));
  bool asked =
      category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_CF ||
      (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO);
  if (!asked)
    return category;
  auto after = std::upper_bound(
      std::begin(Unknown), std::end(Unknown), character,
      [](char32_t c, const char32_t (&range)[2]) { return c < range[0]; });
  bool unknown =
      after != std::begin(Unknown) && character <= (*std::prev(after))[1];
  return unknown ? UTF8PROC_CATEGORY_CN : category;
}

bool referenceDecomposes(char32_t character) { return character != 0x11938; }

} // namespace heed
