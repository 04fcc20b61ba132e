//===- ByteAlphabet.h - GPT-2's way to write bytes as letters -------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"

#include <cstdint>

namespace heed {

/// Byte-level vocabularies write each byte as one visible character: printable
/// Latin-1 as itself, the other 68 bytes, in order, as U+0100 and up (a space
/// is U+0120). Source: `bytes_to_unicode` of GPT-2.
std::string byteName(uint8_t byte);

/// The bytes that a token's name stands for. A name with a character outside
/// the alphabet, such as a special token with a space, stands for itself.
std::string bytesOfName(std::string_view name);

/// Fills `model.bytes` from the names and marks the tokens of single bytes. A
/// token that is found whole in texts stands for its name as it is.
void setByteLevelTokens(TokenizerModel &model, const VocabularyIndex &index);

} // namespace heed
