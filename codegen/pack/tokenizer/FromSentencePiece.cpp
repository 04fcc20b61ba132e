#include "codegen/pack/tokenizer/FromSentencePiece.h"

#include "codegen/pack/tokenizer/SentencePieceParts.h"
#include "codegen/pack/tokenizer/TableWriter.h"
#include "runtime/formats/MappedFile.h"
#include "runtime/support/Text.h"

#include <bit>
#include <cstring>

namespace heed {

namespace {

/// One field of a protocol buffer.
struct Field {
  uint64_t number = 0;
  uint64_t value = 0;     // wire types 0, 1 and 5
  std::string_view bytes; // wire type 2

  float real() const {
    return std::bit_cast<float>(static_cast<uint32_t>(value));
  }
  int64_t integer() const { return static_cast<int64_t>(value); }
};

/// Walks the fields of a message; stops at the end or at the first damage.
class Message {
public:
  explicit Message(std::string_view bytes) : rest(bytes) {}

  bool damaged() const { return isDamaged; }

  bool next(Field &field) {
    if (rest.empty() || isDamaged)
      return false;
    uint64_t tag = varint();
    field = {};
    field.number = tag >> 3;
    switch (tag & 7) {
    case 0:
      field.value = varint();
      break;
    case 1:
      field.value = fixed(8);
      break;
    case 2:
      field.bytes = take(varint());
      break;
    case 5:
      field.value = fixed(4);
      break;
    default:
      isDamaged = true;
    }
    return !isDamaged;
  }

private:
  std::string_view take(uint64_t size) {
    if (size > rest.size()) {
      isDamaged = true;
      return {};
    }
    std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      std::string_view byte = take(1);
      if (byte.empty())
        return 0;
      value |= uint64_t(byte[0] & 0x7f) << shift;
      if (!(byte[0] & 0x80))
        return value;
    }
    isDamaged = true;
    return 0;
  }
  uint64_t fixed(size_t size) {
    uint64_t value = 0;
    std::string_view bytes = take(size);
    if (!isDamaged)
      std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

  std::string_view rest;
  bool isDamaged = false;
};

/// Numbers of fields in sentencepiece_model.proto, and their defaults.
class Reader {
public:
  explicit Reader(const std::string &label) : label(label) {}

  Status read(std::string_view bytes, const SentencePieceOptions &options);
  TokenizerModel model;

private:
  Error bad(std::string_view what) const { return {concat(label, ": ", what)}; }
  bool readPiece(std::string_view bytes);
  bool readTrainer(std::string_view bytes);
  bool readNormalizer(std::string_view bytes);
  Status setKind();

  const std::string &label;
  std::vector<int64_t> types;
  int64_t modelType = 1; // 1 unigram, 2 BPE, 3 words, 4 characters
  int64_t bos = 1, eos = 2, pad = -1;
  bool spaceAfter = false;
  bool addPrefix = true, collapse = true, escape = true;
  std::string_view charMap;
};

bool Reader::readPiece(std::string_view bytes) {
  std::string_view name;
  float score = 0;
  int64_t type = 1;
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 1)
      name = field.bytes;
    else if (field.number == 2)
      score = field.real();
    else if (field.number == 3)
      type = field.integer();
  }
  model.names.emplace_back(name);
  model.scores.push_back(score);
  types.push_back(type);
  return !message.damaged();
}

bool Reader::readTrainer(std::string_view bytes) {
  Message message(bytes);
  for (Field field; message.next(field);) {
    // A negative id is ten bytes long and means that there is none.
    auto id = static_cast<int32_t>(field.value);
    if (field.number == 3)
      modelType = field.integer();
    else if (field.number == 24)
      spaceAfter = field.value != 0;
    else if (field.number == 41)
      bos = id;
    else if (field.number == 42)
      eos = id;
    else if (field.number == 43)
      pad = id;
  }
  return !message.damaged();
}

bool Reader::readNormalizer(std::string_view bytes) {
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 2)
      charMap = field.bytes;
    else if (field.number == 3)
      addPrefix = field.value != 0;
    else if (field.number == 4)
      collapse = field.value != 0;
    else if (field.number == 5)
      escape = field.value != 0;
  }
  return !message.damaged();
}

Status Reader::setKind() {
  if (modelType != 1 && modelType != 2)
    return bad(concat("the model type is ", modelType,
                      "; heed reads unigram (1) and BPE (2)"));
  if (spaceAfter || !escape)
    return bad("spaces are written behind words or not at all, which heed does "
               "not read");
  model.kind =
      modelType == 1 ? TokenizerKind::Unigram : TokenizerKind::SentencePieceBpe;
  model.flags |=
      (addPrefix ? AddPrefixSpace : 0u) | (collapse ? CollapseSpaces : 0u);
  return {};
}

Status Reader::read(std::string_view bytes,
                    const SentencePieceOptions &options) {
  Message message(bytes);
  bool whole = true;
  for (Field field; message.next(field);) {
    if (field.number == 1)
      whole &= readPiece(field.bytes);
    else if (field.number == 2)
      whole &= readTrainer(field.bytes);
    else if (field.number == 3)
      whole &= readNormalizer(field.bytes);
  }
  if (!whole || message.damaged() || model.names.empty())
    return bad("not a SentencePiece model, or one cut short");
  if (Status status = setKind(); !status)
    return status;
  Result<VocabularyIndex> index = indexVocabulary(model.names, label);
  if (!index)
    return index.error();
  if (Status status = setPieces(model, types, label); !status)
    return status;
  if (Status status = setCharMap(model, charMap, label); !status)
    return status;

  auto known = [&](int64_t id) {
    bool is = id >= 0 && id < static_cast<int64_t>(model.names.size());
    return is ? static_cast<int32_t>(id) : NoToken;
  };
  model.special.bos = known(bos);
  model.special.eos = known(eos);
  model.special.pad = known(pad);
  if (options.addBos)
    model.frameStart = model.special.bos;
  if (options.addEos)
    model.frameEnd = model.special.eos;
  if ((options.addBos && model.frameStart == NoToken) ||
      (options.addEos && model.frameEnd == NoToken))
    return bad("the model has no bos or eos token to put around a text");
  return {};
}

} // namespace

Result<TokenizerTable> parseSentencePiece(std::string_view bytes,
                                          const std::string &label,
                                          const SentencePieceOptions &options) {
  Reader reader(label);
  if (Status status = reader.read(bytes, options); !status)
    return status.error();
  return TokenizerTable{writeTable(reader.model), {}};
}

Result<TokenizerTable>
buildFromSentencePiece(const std::string &path,
                       const SentencePieceOptions &options) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Bytes bytes = file->bytes();
  return parseSentencePiece(
      {reinterpret_cast<const char *>(bytes.data()), bytes.size()}, path,
      options);
}

} // namespace heed
