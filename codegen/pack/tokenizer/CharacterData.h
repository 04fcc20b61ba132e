//===- CharacterData.h - Unicode classes and mappings for a table ---------===//
#pragma once

#include "runtime/tokenizer/Table.h"

#include <string>
#include <vector>

namespace heed {

/// The sections classIndex, classBlocks, mappings and mappingBytes of a table.
struct CharacterData {
  std::vector<uint16_t> index;
  std::vector<uint8_t> blocks;
  std::vector<TableMapping> mappings;
  std::string mappingBytes;
};

/// From utf8proc's tables (Unicode 15). `classes` says which CharClass bits are
/// wanted; fewer make a smaller table. Non-spacing marks, punctuation and
/// format characters, which BERT's rules alone ask for, are those of the
/// reference (ReferenceCategories.h). With `stripAccents` a character maps to
/// its canonical decomposition without non-spacing marks; with `lowerCase`,
/// then, to lower case. Hangul syllables are marked as mapped and have no
/// mapping: they decompose by arithmetic.
CharacterData makeCharacterData(uint8_t classes, bool lowerCase,
                                bool stripAccents);

} // namespace heed
