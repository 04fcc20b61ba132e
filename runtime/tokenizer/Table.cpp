#include "runtime/tokenizer/Table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace heed {

static Error bad(const char *what) {
  return {std::string("the tokenizer table is damaged: ") + what};
}

/// Points `out` at a section; false when it does not lie in the blob, is
/// misaligned or does not hold whole elements.
template <typename T>
bool Table::view(TableSection section, std::span<const T> &out) {
  uint64_t end = uint64_t(section.offset) + section.size;
  if (end > head->size || section.size % sizeof(T) != 0 ||
      section.offset % alignof(T) != 0)
    return false;
  out = {reinterpret_cast<const T *>(base + section.offset),
         section.size / sizeof(T)};
  return true;
}

Result<Table> Table::open(std::span<const std::byte> blob) {
  if (blob.size() < sizeof(TableHeader))
    return bad("it is shorter than its header");
  if (reinterpret_cast<uintptr_t>(blob.data()) % 8 != 0)
    return bad("it is not 8-aligned in memory");
  Table table;
  table.base = blob.data();
  table.head = reinterpret_cast<const TableHeader *>(blob.data());
  const TableHeader &head = *table.head;
  if (std::memcmp(head.magic, TableMagic, sizeof(TableMagic)) != 0)
    return bad("it does not start with its magic word");
  if (head.version != TableVersion)
    return bad("it is of another version");
  if (head.size > blob.size())
    return bad("it is cut short");

  std::span<const char> text;
  if (!table.view(head.tokenOffsets, table.offsets) ||
      !table.view(head.tokenBytes, text) ||
      !table.view(head.tokenFlags, table.tokenFlagBytes) ||
      !table.view(head.tokenSlots, table.slots) ||
      !table.view(head.tokenScores, table.scores) ||
      !table.view(head.merges, table.mergeList) ||
      !table.view(head.mergeSlots, table.mergeSlots) ||
      !table.view(head.byteIds, table.byteIdList) ||
      !table.view(head.wholeTokens, table.wholeList) ||
      !table.view(head.classIndex, table.blockIndex) ||
      !table.view(head.classBlocks, table.blocks) ||
      !table.view(head.mappings, table.mappings) ||
      !table.view(head.mappingBytes, table.mappingChars) ||
      !table.view(head.charTrie, table.trie) ||
      !table.view(head.charTexts, table.trieChars))
    return bad("a section does not lie in it");
  table.bytes = text.data();
  if (Status status = table.check(); !status)
    return status.error();
  return table;
}

/// A hash table is a power of two of slots, one of them empty, each index below
/// `entries`; or it is absent.
static bool goodSlots(std::span<const uint32_t> slots, size_t entries) {
  if (slots.empty())
    return true;
  uint32_t most = 0;
  bool empty = false;
  for (uint32_t slot : slots) {
    most = std::max(most, slot & SlotIndexMask);
    empty |= slot == 0;
  }
  return std::has_single_bit(slots.size()) && empty && most <= entries;
}

Status Table::check() const {
  uint32_t count = head->tokenCount;
  if (head->kind > TokenizerKind::Chars || head->rule > PreTokenizer::Qwen2)
    return bad("its kind");
  if (count == 0 || count > MaxSlotEntries)
    return bad("the number of tokens");
  if (offsets.size() != size_t(count) + 1 || tokenFlagBytes.size() != count)
    return bad("the vocabulary's size");
  if (!scores.empty() && scores.size() != count)
    return bad("the number of scores");
  if (!std::all_of(scores.begin(), scores.end(),
                   [](float score) { return std::isfinite(score); }))
    return bad("a score");
  if (offsets[0] != 0 || offsets[count] != head->tokenBytes.size ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    return bad("a token's offset");

  auto isToken = [count](uint32_t id) { return id < count; };
  auto mayBeToken = [count](int32_t id) {
    return id == NoToken || (id >= 0 && static_cast<uint32_t>(id) < count);
  };
  const SpecialIds &special = head->special;
  for (int32_t id : {special.bos, special.eos, special.unk, special.cls,
                     special.sep, special.pad, special.mask, special.endOfTurn,
                     head->frameStart, head->frameEnd})
    if (!mayBeToken(id))
      return bad("a special token's id");
  if (head->kind != TokenizerKind::ByteBpe && special.unk == NoToken)
    return bad("the unknown token is missing");

  for (const TableMerge &merge : mergeList)
    if (!isToken(merge.left) || !isToken(merge.right) || !isToken(merge.result))
      return bad("a merge's id");
  if (!goodSlots(slots, count) || !goodSlots(mergeSlots, mergeList.size()))
    return bad("a hash slot");
  if (!byteIdList.empty() && byteIdList.size() != 256)
    return bad("the number of byte tokens");
  if (!std::all_of(byteIdList.begin(), byteIdList.end(), mayBeToken))
    return bad("a byte token's id");
  for (uint32_t id : wholeList)
    if (!isToken(id) || token(id).empty())
      return bad("a whole token's id");

  if (!blockIndex.empty() &&
      blockIndex.size() != CharacterCount / ClassBlockSize)
    return bad("the number of character blocks");
  for (uint16_t block : blockIndex)
    if (block >= blocks.size() / ClassBlockSize)
      return bad("a character block");
  for (const TableMapping &mapping : mappings)
    if (uint64_t(mapping.offset) + mapping.size > mappingChars.size())
      return bad("a character's mapping");

  if (!trieChars.empty() && trieChars.back() != 0)
    return bad("the character map's texts");

  uint64_t chatEnd = uint64_t(head->chat.offset) + head->chat.size;
  if (chatEnd > head->size)
    return bad("the chat template");
  return {};
}

int32_t Table::findHashed(std::string_view body, std::string_view prefix,
                          uint32_t hash) const {
  size_t size = prefix.size() + body.size();
  if (slots.empty())
    return NoToken;
  hash = finishHash(hash);
  size_t mask = slots.size() - 1;
  for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
    if ((slots[at] ^ hash) & ~SlotIndexMask)
      continue;
    uint32_t id = (slots[at] & SlotIndexMask) - 1;
    if (id >= head->tokenCount)
      return NoToken;
    std::string_view bytes = token(id);
    if (bytes.size() == size && bytes.starts_with(prefix) &&
        bytes.substr(prefix.size()) == body)
      return static_cast<int32_t>(id);
  }
  return NoToken;
}

int32_t Table::mergeRank(uint32_t left, uint32_t right) const {
  if (mergeSlots.empty())
    return NoToken;
  uint32_t hash = hashPair(left, right);
  size_t mask = mergeSlots.size() - 1;
  for (size_t at = hash & mask; mergeSlots[at] != 0; at = (at + 1) & mask) {
    if ((mergeSlots[at] ^ hash) & ~SlotIndexMask)
      continue;
    uint32_t rank = (mergeSlots[at] & SlotIndexMask) - 1;
    if (rank >= mergeList.size())
      return NoToken;
    if (mergeList[rank].left == left && mergeList[rank].right == right)
      return static_cast<int32_t>(rank);
  }
  return NoToken;
}

std::string_view Table::mapped(char32_t character) const {
  auto found = std::lower_bound(
      mappings.begin(), mappings.end(), character,
      [](const TableMapping &m, char32_t c) { return m.character < c; });
  if (found == mappings.end() || found->character != character)
    return {};
  return {mappingChars.data() + found->offset, found->size};
}

std::span<const std::byte> Table::chatSection() const {
  return {base + head->chat.offset, head->chat.size};
}

} // namespace heed
