//===- Table.h - The tokenizer's table, as it is mapped and read ----------===//
//
// One flat, position-independent, little-endian blob. codegen/pack/tokenizer
// writes it at build time; the executable maps it and reads it in place.
//
//   TableHeader | sections, each 8-aligned, found by offset and size in bytes
//
// Nothing here trusts the blob: open() checks every offset, every id and every
// slot once, so that what reads the table later needs no checks of its own.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace heed {

static_assert(std::endian::native == std::endian::little);

enum class TokenizerKind : uint32_t {
  /// Byte-level BPE (GPT-2, Llama 3, SmolLM, Qwen): every byte has a token.
  ByteBpe = 0,
  /// BERT's WordPiece: longest match from the left, `##` inside a word.
  WordPiece = 1,
  /// SentencePiece's unigram model.
  Unigram = 2,
  /// SentencePiece's BPE (Llama 2, Mistral): merges by score, bytes as
  /// fallback.
  SentencePieceBpe = 3,
  /// Every character is a token.
  Chars = 4,
};

/// How a text is cut into pieces before the merges of a byte-level BPE.
enum class PreTokenizer : uint32_t {
  /// No cut: the whole text is one piece.
  None = 0,
  Gpt2 = 1,
  /// Every number character alone, then GPT-2's cut within what is between.
  DigitsThenGpt2 = 2,
  /// Llama 3: case-blind contractions, numbers by three, newlines apart.
  Llama3 = 3,
  /// As Llama 3, numbers by one.
  Qwen2 = 4,
};

/// Bits of TableHeader::flags.
enum TableFlags : uint32_t {
  /// A space goes before a text (byte-level BPE: that does not start with one).
  AddPrefixSpace = 1,
  /// A piece that is a token as a whole is not taken apart (Llama 3).
  WholePieceFirst = 2,
  /// BERT: drop control characters, and treat each kind of space alike.
  CleanText = 4,
  /// BERT: every CJK ideograph is a word.
  SplitCjk = 8,
  /// Decoding writes "it 's ." as "it's." (the reference's clean-up).
  CleanUpSpaces = 16,
  /// SentencePiece: no spaces at the ends of a text and one between words.
  CollapseSpaces = 32,
  /// SentencePiece: an unknown character becomes its bytes' tokens.
  ByteFallback = 64,
};

/// Bits of a token's flag byte.
enum TokenFlags : uint8_t {
  /// Found in a text only on demand (EncodeOptions::parseSpecial); decoding may
  /// leave it out.
  TokenSpecial = 1,
  /// Found as a whole in every text, before anything else.
  TokenWhole = 2,
  /// Stands for one raw byte.
  TokenByte = 4,
  /// Found by its bytes (Table::find).
  TokenFindable = 8,
};

/// Bits of a character's class.
enum CharClass : uint8_t {
  ClassLetter = 1,   // general category L*
  ClassNumber = 2,   // N*
  ClassSpace = 4,    // property White_Space
  ClassPunct = 16,   // P*, and ASCII's $+<=>^`|~
  ClassDropped = 32, // Cc but tab, CR, LF; Cf; Co; U+FFFD
  ClassCjk = 64,     // the ideographs that BERT sets apart
  ClassMapped = 128, // a mapping replaces the character
};

inline constexpr char TableMagic[8] = {'h', 'e', 'e', 'd', 't', 'o', 'k', 'n'};
inline constexpr uint32_t TableVersion = 3;
inline constexpr int32_t NoToken = -1;

/// `offset` from the blob's first byte, `size` in bytes.
struct TableSection {
  uint32_t offset = 0, size = 0;
};

/// Ids that have a meaning; NoToken where the model has none.
struct SpecialIds {
  int32_t bos = NoToken, eos = NoToken, unk = NoToken, cls = NoToken,
          sep = NoToken, pad = NoToken, mask = NoToken, endOfTurn = NoToken;
};

struct TableHeader {
  char magic[8];
  uint32_t version;
  uint32_t size; // of the whole blob
  TokenizerKind kind;
  PreTokenizer rule;
  uint32_t flags;
  uint32_t tokenCount;
  uint32_t longestToken; // in bytes
  uint32_t maxLength;    // tokens, specials counted; 0: no limit
  uint32_t maxWordChars; // WordPiece: a longer word is unknown
  float lowestScore;     // of the tokens that texts become
  SpecialIds special;
  /// What EncodeOptions::addSpecial puts before and after a text.
  int32_t frameStart, frameEnd;

  TableSection tokenOffsets; // u32[tokenCount + 1] into tokenBytes
  TableSection tokenBytes;
  TableSection tokenFlags;  // u8[tokenCount]
  TableSection tokenScores; // f32[tokenCount], unigram and SentencePiece BPE
  TableSection merges;      // left, right, result, by rank; see mergeIdBytes()
  TableSection byteIds;     // i32[256]
  TableSection wholeTokens; // u32[]: ids found in text, sorted by their bytes
  TableSection classIndex;  // u16[0x110000 / 128], a block's number
  TableSection classBlocks; // u8[128] a block
  TableSection mappings;    // TableMapping[], sorted by character
  TableSection mappingBytes;
  TableSection charTrie;  // u32[], see CharMap.h
  TableSection charTexts; // what the trie's leaves say, each ended by a 0
  TableSection chat;      // see ChatTemplate.h
};

struct TableMerge {
  uint32_t left, right, result;
};

/// Bytes of an id in the table's merges: u16 or u32.
constexpr uint32_t mergeIdBytes(uint32_t tokenCount) {
  return tokenCount <= 0x10000 ? 2 : 4;
}

/// What a character becomes: UTF-8 in mappingBytes, possibly empty.
struct TableMapping {
  uint32_t character, offset, size;
};

inline constexpr uint32_t ClassBlockSize = 128;
inline constexpr uint32_t CharacterCount = 0x110000;

/// Tokens and merges are numbered in 24 bits: see Table::Slots.
inline constexpr uint32_t MaxSlotEntries = 0xfffffe;

constexpr uint32_t hashBytes(std::string_view bytes,
                             uint32_t state = 2166136261u) {
  for (char byte : bytes)
    state = (state ^ static_cast<uint8_t>(byte)) * 16777619u; // FNV-1a
  return state;
}
constexpr uint32_t finishHash(uint32_t state) {
  state = (state ^ (state >> 16)) * 0x85ebca6bu;
  return state ^ (state >> 13);
}
constexpr uint32_t hashPair(uint32_t left, uint32_t right) {
  return finishHash(left * 0x9e3779b1u + right * 0xc2b2ae35u);
}

/// A view of a checked blob, whose bytes must outlive it, and the hash tables
/// over it.
class Table {
public:
  /// Checks the whole blob in one pass, and hashes its tokens and merges (half
  /// a millisecond for 50,000). Errors: not 8-aligned, wrong magic or version,
  /// cut short, an offset, id or slot out of range.
  static Result<Table> open(std::span<const std::byte> blob);

  const TableHeader &header() const { return *head; }
  bool has(TableFlags flag) const { return (head->flags & flag) != 0; }
  uint32_t size() const { return head->tokenCount; }

  /// A token's bytes and TokenFlags; `id` must be below size().
  std::string_view token(uint32_t id) const {
    return {bytes + offsets[id], offsets[id + 1] - offsets[id]};
  }
  uint8_t flags(uint32_t id) const { return tokenFlagBytes[id]; }
  float score(uint32_t id) const { return scores.empty() ? 0 : scores[id]; }

  /// The token whose bytes are `prefix` followed by `body`, or NoToken.
  int32_t find(std::string_view body, std::string_view prefix = {}) const {
    if (prefix.size() + body.size() > head->longestToken)
      return NoToken;
    return findHashed(body, prefix, hashBytes(body, hashBytes(prefix)));
  }
  /// The same for a caller that has their hashBytes() already.
  int32_t findHashed(std::string_view body, std::string_view prefix,
                     uint32_t hash) const;
  /// The rank of the merge of two tokens, or NoToken.
  int32_t mergeRank(uint32_t left, uint32_t right) const;
  TableMerge merge(uint32_t rank) const {
    if (!shortMerges.empty())
      return {shortMerges[3 * rank], shortMerges[3 * rank + 1],
              shortMerges[3 * rank + 2]};
    return {longMerges[3 * rank], longMerges[3 * rank + 1],
            longMerges[3 * rank + 2]};
  }
  uint32_t merges() const {
    return static_cast<uint32_t>(shortMerges.size() + longMerges.size()) / 3;
  }
  /// The token of one raw byte, or NoToken.
  int32_t byteToken(uint8_t byte) const {
    return byteIdList.empty() ? NoToken : byteIdList[byte];
  }
  /// Ids with TokenSpecial or TokenWhole, sorted by their bytes.
  std::span<const uint32_t> wholeTokens() const { return wholeList; }

  /// CharClass bits of a character.
  uint8_t classes(char32_t character) const {
    if (character >= CharacterCount || blockIndex.empty())
      return 0;
    return blocks[blockIndex[character / ClassBlockSize] * ClassBlockSize +
                  character % ClassBlockSize];
  }
  /// What a character with ClassMapped becomes.
  std::string_view mapped(char32_t character) const;

  /// SentencePiece's character map; empty when the model has none.
  std::span<const uint32_t> charTrie() const { return trie; }
  std::string_view charTexts() const {
    return {trieChars.data(), trieChars.size()};
  }

  std::span<const std::byte> chatSection() const;

private:
  /// A hash table of numbers: a power of two of slots of which at most 4/5 are
  /// taken, linear probing. A slot is 0 when empty, else (number + 1) in the
  /// low 24 bits and the hash's top byte in the high 8, so that most misses end
  /// without a look at the entry itself.
  class Slots {
  public:
    explicit Slots(size_t entries = 0);
    void add(uint32_t number, uint32_t hash);
    /// The first number with this hash for which isMatch(number), or NoToken.
    template <typename Match> int32_t find(uint32_t hash, Match isMatch) const;

  private:
    std::vector<uint32_t> slots;
  };

  template <typename T>
  bool view(TableSection section, std::span<const T> &out);
  Status check() const;
  void fillSlots();

  const std::byte *base = nullptr;
  const TableHeader *head = nullptr;
  std::span<const uint32_t> offsets, wholeList;
  std::span<const uint8_t> tokenFlagBytes, blocks;
  std::span<const float> scores;
  // One of them is empty.
  std::span<const uint16_t> shortMerges;
  std::span<const uint32_t> longMerges;
  Slots tokenSlots, mergeSlots;
  std::span<const int32_t> byteIdList;
  std::span<const uint16_t> blockIndex;
  std::span<const TableMapping> mappings;
  std::span<const char> mappingChars, trieChars;
  std::span<const uint32_t> trie;
  const char *bytes = nullptr;
};

} // namespace heed
