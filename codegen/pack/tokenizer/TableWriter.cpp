#include "codegen/pack/tokenizer/TableWriter.h"

#include "codegen/pack/tokenizer/CharacterData.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace heed {

namespace {

/// Appends sections behind a header.
class Blob {
public:
  explicit Blob(size_t headerSize) : bytes(headerSize) {}

  template <typename T> TableSection add(const T *data, size_t count) {
    bytes.resize((bytes.size() + 7) & ~size_t(7));
    TableSection section{static_cast<uint32_t>(bytes.size()),
                         static_cast<uint32_t>(count * sizeof(T))};
    const char *from = reinterpret_cast<const char *>(data);
    bytes.insert(bytes.end(), from, from + count * sizeof(T));
    return section;
  }
  template <typename Container> TableSection add(const Container &items) {
    return add(items.data(), items.size());
  }

  std::vector<char> bytes;
};

} // namespace

/// The model's, and which tokens are found by their bytes. Byte-level BPE finds
/// its tokens by merging; SentencePiece never gives special, byte and unused
/// ones for a text.
static std::vector<uint8_t> tokenFlags(const TokenizerModel &model) {
  bool byMerging =
      model.kind == TokenizerKind::ByteBpe && !(model.flags & WholePieceFirst);
  bool scored = !model.scores.empty();
  std::vector<uint8_t> flags = model.tokenFlags;
  for (size_t id = 0; !byMerging && id < flags.size(); ++id) {
    bool never = (flags[id] & (TokenSpecial | TokenByte)) ||
                 (!model.unused.empty() && model.unused[id]);
    if (!scored || !never)
      flags[id] |= TokenFindable;
  }
  return flags;
}

static std::vector<uint32_t> sortedWholeTokens(const TokenizerModel &model) {
  std::vector<uint32_t> ids;
  for (uint32_t id = 0; id < model.bytes.size(); ++id)
    if (model.tokenFlags[id] & (TokenSpecial | TokenWhole))
      ids.push_back(id);
  std::sort(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) {
    return model.bytes[a] < model.bytes[b];
  });
  return ids;
}

/// The class bits that the kind's scanner asks for.
static uint8_t wantedClasses(const TokenizerModel &model) {
  if (model.kind == TokenizerKind::WordPiece)
    return ClassSpace | ClassPunct | ClassDropped | ClassCjk | ClassMapped;
  if (model.rule != PreTokenizer::None)
    return ClassLetter | ClassNumber | ClassSpace;
  return 0;
}

/// Of the normal tokens: an unknown character scores below them.
static float lowestScore(const TokenizerModel &model,
                         const std::vector<uint8_t> &flags) {
  std::optional<float> lowest;
  for (size_t id = 0; id < flags.size(); ++id)
    if ((flags[id] & TokenFindable) && !(flags[id] & TokenWhole))
      lowest = std::min(lowest.value_or(model.scores[id]), model.scores[id]);
  return lowest.value_or(0);
}

static void addTokens(Blob &blob, TableHeader &head,
                      const TokenizerModel &model) {
  std::vector<uint32_t> offsets{0};
  std::string bytes;
  for (const std::string &token : model.bytes) {
    bytes += token;
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
    head.longestToken =
        std::max(head.longestToken, static_cast<uint32_t>(token.size()));
  }
  head.tokenOffsets = blob.add(offsets);
  head.tokenBytes = blob.add(bytes);
  std::vector<uint8_t> flags = tokenFlags(model);
  head.tokenFlags = blob.add(flags);
  head.wholeTokens = blob.add(sortedWholeTokens(model));
  if (!model.scores.empty()) {
    head.tokenScores = blob.add(model.scores);
    head.lowestScore = lowestScore(model, flags);
  }
  if (model.kind == TokenizerKind::ByteBpe || (model.flags & ByteFallback)) {
    std::vector<int32_t> byteIds(256, model.missingByte);
    for (size_t id = 0; id < model.bytes.size(); ++id)
      if (model.tokenFlags[id] & TokenByte)
        byteIds[static_cast<uint8_t>(model.bytes[id][0])] =
            static_cast<int32_t>(id);
    head.byteIds = blob.add(byteIds);
  }
}

template <typename Id>
static TableSection addMerges(Blob &blob, const TokenizerModel &model) {
  std::vector<Id> ids;
  for (const TableMerge &merge : model.merges)
    for (uint32_t id : {merge.left, merge.right, merge.result})
      ids.push_back(static_cast<Id>(id));
  return blob.add(ids);
}

std::vector<char> writeTable(const TokenizerModel &model,
                             std::string_view chat) {
  TableHeader head{};
  std::memcpy(head.magic, TableMagic, sizeof(TableMagic));
  head.version = TableVersion;
  head.kind = model.kind;
  head.rule = model.rule;
  head.flags = model.flags;
  head.tokenCount = static_cast<uint32_t>(model.names.size());
  head.maxLength = model.maxLength;
  head.maxWordChars = model.maxWordChars;
  head.special = model.special;
  head.frameStart = model.frameStart;
  head.frameEnd = model.frameEnd;

  Blob blob(sizeof(TableHeader));
  addTokens(blob, head, model);
  head.merges = mergeIdBytes(head.tokenCount) == 2
                    ? addMerges<uint16_t>(blob, model)
                    : addMerges<uint32_t>(blob, model);
  head.charTrie = blob.add(model.charTrie);
  head.charTexts = blob.add(model.charTexts);
  if (uint8_t wanted = wantedClasses(model)) {
    CharacterData data =
        makeCharacterData(wanted, model.lowerCase, model.stripAccents);
    head.classIndex = blob.add(data.index);
    head.classBlocks = blob.add(data.blocks);
    head.mappings = blob.add(data.mappings);
    head.mappingBytes = blob.add(data.mappingBytes);
  }
  head.chat = blob.add(chat);
  blob.bytes.resize((blob.bytes.size() + 7) & ~size_t(7));
  head.size = static_cast<uint32_t>(blob.bytes.size());
  std::memcpy(blob.bytes.data(), &head, sizeof(head));
  return std::move(blob.bytes);
}

} // namespace heed
