#include "codegen/pack/tokenizer/BuildTokenizer.h"

#include "codegen/pack/tokenizer/FromGguf.h"
#include "runtime/support/Text.h"

namespace heed {

Result<TokenizerTable> buildTokenizer(const std::string &path,
                                      const TokenizerOptions &options) {
  if (path.ends_with(".gguf")) {
    Result<Gguf> file = Gguf::open(path);
    if (!file)
      return file.error();
    return buildFromGguf(*file, path);
  }
  if (path.ends_with(".json"))
    return buildFromTokenizerJson(path, options.json);
  if (path.ends_with(".txt"))
    return buildFromVocabTxt(path, options.vocabTxt);
  if (path.ends_with(".model"))
    return buildFromSentencePiece(path, options.sentencePiece);
  return Error{concat(path, ": no tokenizer by its name; heed reads *.gguf, "
                            "tokenizer.json, vocab.txt and spiece.model")};
}

} // namespace heed
