#include "codegen/pack/tokenizer/FromVocabTxt.h"

#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/formats/MappedFile.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/Utf8.h"

namespace heed {

Result<TokenizerTable> buildFromVocabTxt(const std::string &path,
                                         const VocabTxtOptions &options) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Bytes bytes = file->bytes();
  return parseVocabTxt(
      {reinterpret_cast<const char *>(bytes.data()), bytes.size()}, path,
      options);
}

Result<TokenizerTable> parseVocabTxt(std::string_view text,
                                     const std::string &label,
                                     const VocabTxtOptions &options) {
  TokenizerModel model;
  model.kind = TokenizerKind::WordPiece;
  model.flags = CleanText | CleanUpSpaces | (options.splitCjk ? SplitCjk : 0u);
  model.lowerCase = options.lowerCase;
  model.stripAccents = options.stripAccents;
  model.maxLength = options.maxLength;
  model.maxWordChars = 100;

  std::unordered_map<std::string_view, size_t> lineOf;
  for (size_t at = 0, number = 1; at < text.size(); ++number) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (line.empty())
      return Error{concat(label, ":", number,
                          ": an empty line: every line is a token, and the "
                          "ids of the tokens after it would be off by one")};
    if (!isUtf8(line))
      return Error{
          concat(label, ":", number, ": ", inQuotes(line), " is not UTF-8")};
    auto [before, isNew] = lineOf.emplace(line, number);
    if (!isNew)
      return Error{concat(label, ":", number, ": ", inQuotes(line),
                          " stands on line ", before->second, " already")};
    model.names.emplace_back(line);
  }
  Result<VocabularyIndex> index = indexVocabulary(model.names, label);
  if (!index)
    return index.error();

  model.bytes = model.names;
  model.tokenFlags.assign(model.names.size(), 0);
  struct {
    const char *name;
    int32_t &id;
    bool needed;
  } specials[] = {{"[UNK]", model.special.unk, true},
                  {"[CLS]", model.special.cls, true},
                  {"[SEP]", model.special.sep, true},
                  {"[PAD]", model.special.pad, false},
                  {"[MASK]", model.special.mask, false}};
  for (auto &special : specials) {
    auto found = index->find(special.name);
    if (found == index->end()) {
      if (special.needed)
        return Error{concat(label, ": the vocabulary of ", model.names.size(),
                            " tokens has no ", special.name)};
      continue;
    }
    special.id = found->second;
    model.tokenFlags[special.id] |= TokenSpecial;
  }
  model.frameStart = model.special.cls;
  model.frameEnd = model.special.sep;
  return TokenizerTable{writeTable(model), {}};
}

} // namespace heed
