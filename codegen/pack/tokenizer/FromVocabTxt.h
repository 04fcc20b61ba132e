//===- FromVocabTxt.h - BERT's vocab.txt ----------------------------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"

namespace heed {

/// What vocab.txt does not say.
struct VocabTxtOptions {
  bool lowerCase = true;
  /// Usually as lowerCase.
  bool stripAccents = true;
  bool splitCjk = true;
  /// sentence-transformers' setting for MiniLM.
  uint32_t maxLength = 256;
};

/// One token a line, the line's number from 0 is its id; WordPiece. Lines end
/// in LF or CRLF. Errors: cannot read, no [UNK], [CLS] or [SEP], an empty line
/// but the last, a line that stands twice, invalid UTF-8.
Result<TokenizerTable> buildFromVocabTxt(const std::string &path,
                                         const VocabTxtOptions &options = {});
/// The same from bytes; `label` stands for the file's name in messages.
Result<TokenizerTable> parseVocabTxt(std::string_view text,
                                     const std::string &label,
                                     const VocabTxtOptions &options = {});

} // namespace heed
