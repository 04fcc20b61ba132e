//===- FromSentencePiece.h - spiece.model, tokenizer.model ----------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"

namespace heed {

/// What the file does not say: T5 ends a text with eos, Llama 2 starts it with
/// bos.
struct SentencePieceOptions {
  bool addBos = false, addEos = false;
};

/// A SentencePiece model, unigram or BPE. Errors: cannot read, not such a file
/// or cut short, a word or character model, spaces as suffixes, no unknown
/// token, duplicates, scores that are no numbers, a frame token that is
/// missing.
Result<TokenizerTable>
buildFromSentencePiece(const std::string &path,
                       const SentencePieceOptions &options = {});
/// The same from bytes; `label` stands for the file's name in messages.
Result<TokenizerTable>
parseSentencePiece(std::string_view bytes, const std::string &label,
                   const SentencePieceOptions &options = {});

} // namespace heed
