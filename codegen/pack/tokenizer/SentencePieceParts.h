//===- SentencePieceParts.h - What its models have in every file ----------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"

namespace heed {

/// The types of pieces, by their number in spiece.model and in GGUF.
enum class PieceType : int64_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

/// Fills bytes, flags and the unknown token from names, scores and types, which
/// are all there. Errors: lengths that differ, a type out of range, a score
/// that is no finite number, a byte token whose name is not <0x00> to <0xFF>,
/// no unknown token.
Status setPieces(TokenizerModel &model, const std::vector<int64_t> &types,
                 const std::string &label);

/// The compiled character map: a trie's size in bytes (u32), the trie, texts.
/// Errors: a size that does not fit.
Status setCharMap(TokenizerModel &model, std::string_view blob,
                  const std::string &label);

} // namespace heed
