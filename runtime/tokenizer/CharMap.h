//===- CharMap.h - SentencePiece's rules for characters -------------------===//
//
// A SentencePiece model carries its normalisation compiled: a double-array trie
// (Aoe 1989) from UTF-8 strings to offsets in a list of texts. It is kept as
// the model has it. A unit of the array is 32 bits:
//
//   bits 0-7   label
//   bit  8     the unit has a leaf
//   bits 9-30  offset to its children, times 256 if bit 9 is set
//   bit  31    the unit is a leaf; bits 0-30 are its value
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/tokenizer/Table.h"

namespace heed {

/// A rule that applies: `size` bytes of the text become `replacement`.
struct CharRule {
  size_t size = 0; // 0: no rule
  std::string_view replacement;
};

/// The rule for the longest prefix of `text` that has one.
CharRule longestCharRule(const Table &table, std::string_view text);

} // namespace heed
