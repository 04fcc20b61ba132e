#include "runtime/tokenizer/Tokenizer.h"

#include "runtime/tokenizer/PairMerger.h"
#include "runtime/tokenizer/PieceScanner.h"
#include "runtime/tokenizer/SentencePiece.h"
#include "runtime/tokenizer/StreamDecoder.h"
#include "runtime/tokenizer/Utf8.h"
#include "runtime/tokenizer/WholeTokens.h"
#include "runtime/tokenizer/WordPiece.h"

#include <algorithm>

namespace heed {

Result<Tokenizer> Tokenizer::open(std::span<const std::byte> blob) {
  Result<Table> table = Table::open(blob);
  if (!table)
    return table.error();
  return Tokenizer(std::move(*table));
}

static void encodeChars(const Table &table, std::string_view text,
                        std::vector<int32_t> &ids, size_t enough) {
  for (size_t at = 0; at < text.size() && ids.size() < enough;) {
    size_t size = characterAt(text, at).size;
    int32_t id = table.find(text.substr(at, size));
    ids.push_back(id == NoToken ? table.header().special.unk : id);
    at += size;
  }
}

static void encodeBytePairs(const Table &table, std::string_view text,
                            std::vector<int32_t> &ids, size_t enough) {
  std::string spaced;
  if (table.has(AddPrefixSpace) && !text.starts_with(' ')) {
    spaced.append(" ").append(text);
    text = spaced;
  }
  PieceScanner scanner(table, text);
  PairMerger merger(table);
  std::string_view piece;
  while (ids.size() < enough && scanner.next(piece))
    merger.encode(piece, ids);
}

/// Appends the ids of text without whole tokens, up to `enough` ids or a few
/// more. `prefix`: SentencePiece's space may go before it.
void Tokenizer::encodePlain(std::string_view text, bool prefix,
                            std::vector<int32_t> &ids, size_t enough) const {
  if (text.empty())
    return;
  switch (kind()) {
  case TokenizerKind::ByteBpe:
    return encodeBytePairs(table, text, ids, enough);
  case TokenizerKind::WordPiece:
    return WordPiece(table).encode(text, ids, enough);
  case TokenizerKind::Chars:
    return encodeChars(table, text, ids, enough);
  case TokenizerKind::Unigram:
  case TokenizerKind::SentencePieceBpe:
    return SentencePiece(table).encode(text, prefix, ids);
  }
}

/// Appends the ids of the parts joined, up to `enough` or a few more.
void Tokenizer::encodeParts(std::span<const TextPart> parts,
                            std::vector<int32_t> &ids, size_t enough) const {
  // The text since the last whole token; a copy only where it spans parts.
  std::string pending;
  bool prefix = true;
  auto flush = [&](std::string_view rest) {
    if (!pending.empty()) {
      pending += rest;
      rest = pending;
    }
    encodePlain(rest, prefix, ids, enough);
    pending.clear();
  };
  for (size_t i = 0; i < parts.size() && ids.size() < enough; ++i) {
    std::string_view text = parts[i].text;
    std::string repaired;
    if (!isUtf8(text)) {
      repaired = withValidUtf8(text);
      text = repaired;
    }
    size_t at = 0;
    while (ids.size() < enough) {
      WholeToken found = findWholeToken(table, text, at, parts[i].parseSpecial);
      if (found.id == NoToken)
        break;
      flush(text.substr(at, found.begin - at));
      ids.push_back(found.id);
      prefix = table.flags(found.id) & TokenSpecial;
      at = found.end;
    }
    if (i + 1 == parts.size())
      flush(text.substr(at));
    else
      pending += text.substr(at);
  }
}

std::vector<int32_t> Tokenizer::encode(std::span<const TextPart> parts) const {
  std::vector<int32_t> ids;
  encodeParts(parts, ids, ~size_t(0));
  return ids;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       const EncodeOptions &options) const {
  int32_t first = options.addSpecial ? table.header().frameStart : NoToken;
  int32_t last = options.addSpecial ? table.header().frameEnd : NoToken;
  size_t limit = options.truncateTo ? options.truncateTo : ~size_t(0);
  size_t enough = limit - std::min<size_t>(limit, last != NoToken);

  std::vector<int32_t> ids;
  if (first != NoToken)
    ids.push_back(first);
  TextPart part{text, options.parseSpecial};
  encodeParts({&part, 1}, ids, enough);
  if (ids.size() > enough)
    ids.resize(enough);
  if (last != NoToken && ids.size() < limit)
    ids.push_back(last);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids,
                              bool skipSpecial) const {
  StreamDecoder decoder(*this, skipSpecial);
  std::string text;
  for (int32_t id : ids)
    text += decoder.push(id);
  return text + decoder.flush();
}

bool Tokenizer::isEnd(int32_t id) const {
  return id != NoToken && (id == special().eos || id == special().endOfTurn);
}

std::string_view Tokenizer::tokenBytes(int32_t id) const {
  if (id < 0 || static_cast<uint32_t>(id) >= table.size())
    return {};
  return table.token(static_cast<uint32_t>(id));
}

int32_t Tokenizer::idOf(std::string_view bytes) const {
  if (int32_t id = table.find(bytes); id != NoToken)
    return id;
  for (uint32_t id = 0; id < table.size(); ++id)
    if (table.token(id) == bytes)
      return static_cast<int32_t>(id);
  return NoToken;
}

} // namespace heed
