//===- PreTokenizerNames.h - The cuts by the names that files give them ---===//
#pragma once

#include "runtime/tokenizer/Table.h"

#include <string>

namespace heed {

/// A pre-tokenizer as GGUF files name it, and what comes with the name.
struct NamedPreTokenizer {
  std::string_view name;
  PreTokenizer rule;
  /// A piece that is a token is not taken apart.
  bool wholePieceFirst;
  /// Whether a text starts with bos when the file does not say.
  bool addBos;
};

/// The rule of GGUF's `tokenizer.ggml.pre`. Errors: an unknown name, with the
/// known ones.
Result<NamedPreTokenizer> preTokenizerByName(std::string_view name,
                                             const std::string &label);

/// The rule that a tokenizer.json writes as the regular expression of a Split,
/// before a ByteLevel without one; PreTokenizer::None when it is no known one.
PreTokenizer preTokenizerByPattern(std::string_view pattern);

} // namespace heed
