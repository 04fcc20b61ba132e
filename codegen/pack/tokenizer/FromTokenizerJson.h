//===- FromTokenizerJson.h - Hugging Face's tokenizer.json ----------------===//
//
// What is read, by the model's type and its pre-tokenizer:
//   BPE with ByteLevel, alone or after Digits or a Split of a known pattern
//   BPE without pre-tokenizer and without merges: each character is a token
//     (examples/sums; needs `unk_token`, which other characters become)
//   WordPiece with BertNormalizer and BertPreTokenizer
// Anything else is an error that says what was found.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"

namespace heed {

struct TokenizerJsonOptions {
  /// Instead of the file's own truncation: MiniLM's says 128, and
  /// sentence-transformers sets 256.
  std::optional<uint32_t> maxLength;
};

/// Reads the file, and bos, eos and the chat template from
/// `tokenizer_config.json` beside it, if there is one. Errors: cannot read, not
/// JSON (line and column), a key missing or of another type, an unsupported
/// part, duplicates, ids with gaps or out of range, merges of unknown tokens,
/// no unknown token.
Result<TokenizerTable>
buildFromTokenizerJson(const std::string &path,
                       const TokenizerJsonOptions &options = {});

/// The same from texts; `label` stands for the file's name in messages, and an
/// empty `config` for an absent tokenizer_config.json.
Result<TokenizerTable>
parseTokenizerJson(std::string_view text, std::string_view config,
                   const std::string &label,
                   const TokenizerJsonOptions &options = {});

} // namespace heed
