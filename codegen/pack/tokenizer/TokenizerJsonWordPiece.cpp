#include "codegen/pack/tokenizer/TokenizerJsonReader.h"

namespace heed {

Status TokenizerJsonReader::readWordPiece(const JsonField &section) {
  model.kind = TokenizerKind::WordPiece;
  model.bytes = model.names;
  if (section.stringOf("continuing_subword_prefix").value_or("##") != "##")
    return bad("model.continuing_subword_prefix", "should be '##'");
  model.maxWordChars = 100;
  if (std::optional<JsonField> most =
          section.find("max_input_chars_per_word")) {
    std::optional<int32_t> held = most->index();
    if (!held)
      return bad(most->where(), "should be a number of characters");
    model.maxWordChars = static_cast<uint32_t>(*held);
  }
  if (Status status = readUnknown(section); !status)
    return status;
  if (model.special.unk == NoToken)
    model.special.unk = idOf("[UNK]");
  if (model.special.unk == NoToken)
    return bad("model.unk_token", "is missing");

  std::optional<JsonField> normalizer = root.find("normalizer");
  if (!normalizer || normalizer->typeName() != "BertNormalizer")
    return bad("normalizer",
               "should be a BertNormalizer for a WordPiece model");
  std::optional<JsonField> cut = root.find("pre_tokenizer");
  if (!cut || cut->typeName() != "BertPreTokenizer")
    return bad("pre_tokenizer",
               "should be a BertPreTokenizer for a WordPiece model");
  if (normalizer->flagOf("clean_text", true))
    model.flags |= CleanText;
  if (normalizer->flagOf("handle_chinese_chars", true))
    model.flags |= SplitCjk;
  model.lowerCase = normalizer->flagOf("lowercase", true);
  model.stripAccents = normalizer->flagOf("strip_accents", model.lowerCase);
  std::optional<JsonField> decoder = root.find("decoder");
  if (!decoder || decoder->flagOf("cleanup", true))
    model.flags |= CleanUpSpaces;
  model.special.cls = idOf("[CLS]");
  model.special.sep = idOf("[SEP]");
  model.special.pad = idOf("[PAD]");
  model.special.mask = idOf("[MASK]");
  return {};
}

} // namespace heed
