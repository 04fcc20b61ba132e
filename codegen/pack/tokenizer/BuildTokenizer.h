//===- BuildTokenizer.h - A tokenizer's table from any of its files -------===//
#pragma once

#include "codegen/pack/tokenizer/FromSentencePiece.h"
#include "codegen/pack/tokenizer/FromTokenizerJson.h"
#include "codegen/pack/tokenizer/FromVocabTxt.h"

namespace heed {

/// What a reader is told beside its file; each takes what is its own.
struct TokenizerOptions {
  TokenizerJsonOptions json;
  VocabTxtOptions vocabTxt;
  SentencePieceOptions sentencePiece;
};

/// By the file's name: *.gguf, *.json, *.txt, *.model. Errors: those of the
/// readers, and any other name.
Result<TokenizerTable> buildTokenizer(const std::string &path,
                                      const TokenizerOptions &options = {});

} // namespace heed
