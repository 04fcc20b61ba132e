#include "runtime/tokenizer/Table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace heed {

static constexpr uint32_t SlotNumberMask = 0xffffff;
static_assert(MaxSlotEntries < SlotNumberMask);

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
      !table.view(head.tokenScores, table.scores) ||
      !(mergeIdBytes(head.tokenCount) == 2
            ? table.view(head.merges, table.shortMerges)
            : table.view(head.merges, table.longMerges)) ||
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
  table.fillSlots();
  return table;
}

Table::Slots::Slots(size_t entries)
    : slots(std::bit_ceil(entries + entries / 4 + 1)) {}

void Table::Slots::add(uint32_t number, uint32_t hash) {
  size_t mask = slots.size() - 1, at = hash & mask;
  while (slots[at] != 0)
    at = (at + 1) & mask;
  slots[at] = (hash & ~SlotNumberMask) | (number + 1);
}

template <typename Match>
int32_t Table::Slots::find(uint32_t hash, Match isMatch) const {
  size_t mask = slots.size() - 1;
  for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
    if ((slots[at] ^ hash) & ~SlotNumberMask)
      continue;
    uint32_t number = (slots[at] & SlotNumberMask) - 1;
    if (isMatch(number))
      return static_cast<int32_t>(number);
  }
  return NoToken;
}

void Table::fillSlots() {
  auto isFindable = [](uint8_t flags) { return (flags & TokenFindable) != 0; };
  tokenSlots = Slots(
      std::count_if(tokenFlagBytes.begin(), tokenFlagBytes.end(), isFindable));
  for (uint32_t id = 0; id < size(); ++id)
    if (isFindable(flags(id)))
      tokenSlots.add(id, finishHash(hashBytes(token(id))));
  mergeSlots = Slots(merges());
  for (uint32_t rank = 0; rank < merges(); ++rank)
    mergeSlots.add(rank, hashPair(merge(rank).left, merge(rank).right));
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

  if ((shortMerges.size() + longMerges.size()) % 3 != 0 ||
      merges() > MaxSlotEntries)
    return bad("the number of merges");
  if (!std::all_of(shortMerges.begin(), shortMerges.end(), isToken) ||
      !std::all_of(longMerges.begin(), longMerges.end(), isToken))
    return bad("a merge's id");
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
  return tokenSlots.find(finishHash(hash), [&](uint32_t id) {
    std::string_view bytes = token(id);
    return bytes.size() == size && bytes.starts_with(prefix) &&
           bytes.substr(prefix.size()) == body;
  });
}

int32_t Table::mergeRank(uint32_t left, uint32_t right) const {
  return mergeSlots.find(hashPair(left, right), [&](uint32_t rank) {
    return merge(rank).left == left && merge(rank).right == right;
  });
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
