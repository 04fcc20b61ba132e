#include "runtime/tokenizer/StreamDecoder.h"

#include "runtime/tokenizer/SentencePiece.h"
#include "runtime/tokenizer/Utf8.h"

namespace heed {

static void replaceAll(std::string &text, std::string_view what,
                       std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos;
       at += with.size())
    text.replace(at, what.size(), with);
}

/// A WordPiece token as text: `##` joins it to what came before, else a space
/// goes between; then the reference's clean-up, which works token by token.
std::string StreamDecoder::wordText(std::string_view token) const {
  std::string text;
  if (!first && token.starts_with("##"))
    text = token.substr(2);
  else
    text.append(first ? "" : " ").append(token);
  if (tokenizer.data().has(CleanUpSpaces)) {
    static constexpr std::string_view Rules[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (const auto &rule : Rules)
      replaceAll(text, rule[0], rule[1]);
  }
  return text;
}

/// A SentencePiece token as text: marks are spaces, and the space before the
/// whole text goes.
std::string StreamDecoder::markedText(std::string_view token) const {
  std::string text(token);
  replaceAll(text, SpaceMark, " ");
  if (first && tokenizer.data().has(AddPrefixSpace) && text.starts_with(' '))
    text.erase(0, 1);
  return text;
}

std::string StreamDecoder::push(int32_t id) {
  std::string_view token = tokenizer.tokenBytes(id);
  if (token.empty() ||
      (skipSpecial && (tokenizer.data().flags(id) & TokenSpecial)))
    return {};
  switch (tokenizer.kind()) {
  case TokenizerKind::WordPiece:
    held += wordText(token);
    break;
  case TokenizerKind::Unigram:
  case TokenizerKind::SentencePieceBpe:
    held += markedText(token);
    break;
  case TokenizerKind::ByteBpe:
  case TokenizerKind::Chars:
    held += token;
    break;
  }
  first = false;

  std::string out;
  size_t at = 0;
  while (at < held.size()) {
    Utf8Character c = characterAt(held, at);
    if (c.incomplete)
      break;
    if (c.valid)
      out.append(held, at, c.size);
    else
      appendUtf8(out, ReplacementCharacter);
    at += c.size;
  }
  held.erase(0, at);
  return out;
}

std::string StreamDecoder::flush() {
  std::string out;
  if (!held.empty())
    appendUtf8(out, ReplacementCharacter);
  held.clear();
  first = true;
  return out;
}

} // namespace heed
