#include "runtime/tokenizer/PairMerger.h"

#include <algorithm>
#include <functional>

namespace heed {

static constexpr uint32_t None = ~uint32_t(0);

/// Adds the pair that starts at part `left`, if it merges.
void PairMerger::push(uint32_t left) {
  uint32_t right = parts[left].next;
  if (right == None)
    return;
  int32_t rank = table.mergeRank(parts[left].id, parts[right].id);
  if (rank == NoToken)
    return;
  candidates.push_back(uint64_t(rank) << 32 | left);
  std::push_heap(candidates.begin(), candidates.end(), std::greater<>());
}

void PairMerger::encode(std::string_view piece, std::vector<int32_t> &ids) {
  if (table.has(WholePieceFirst))
    if (int32_t id = table.find(piece); id != NoToken) {
      ids.push_back(id);
      return;
    }

  parts.clear();
  for (char byte : piece) {
    int32_t id = table.byteToken(static_cast<uint8_t>(byte));
    if (id == NoToken)
      continue;
    uint32_t at = static_cast<uint32_t>(parts.size());
    parts.push_back({id, at - 1, at + 1}); // the first's previous is None
  }
  if (parts.empty())
    return;
  parts.back().next = None;

  candidates.clear();
  for (uint32_t at = 0; at < parts.size(); ++at)
    push(at);
  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), std::greater<>());
    uint64_t best = candidates.back();
    candidates.pop_back();
    TableMerge merge = table.merge(static_cast<uint32_t>(best >> 32));
    uint32_t at = static_cast<uint32_t>(best);
    uint32_t right = parts[at].next;
    // Stale when either side has been merged since it was pushed.
    if (right == None || parts[at].id != static_cast<int32_t>(merge.left) ||
        parts[right].id != static_cast<int32_t>(merge.right))
      continue;
    parts[at].id = static_cast<int32_t>(merge.result);
    parts[at].next = parts[right].next;
    parts[right].id = NoToken;
    if (parts[at].next != None)
      parts[parts[at].next].previous = at;
    push(at);
    if (parts[at].previous != None)
      push(parts[at].previous);
  }
  for (uint32_t at = 0; at != None; at = parts[at].next)
    ids.push_back(parts[at].id);
}

} // namespace heed
