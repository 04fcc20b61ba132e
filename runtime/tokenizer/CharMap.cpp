#include "runtime/tokenizer/CharMap.h"

namespace heed {

CharRule longestCharRule(const Table &table, std::string_view text) {
  std::span<const uint32_t> units = table.charTrie();
  std::string_view texts = table.charTexts();
  CharRule rule;
  if (units.empty())
    return rule;
  auto offsetOf = [](uint32_t unit) {
    return unit >> 10 << ((unit & (1u << 9)) >> 6);
  };
  uint32_t node = offsetOf(units[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t label = static_cast<uint8_t>(text[i]);
    node ^= label;
    if (node >= units.size() || (units[node] & (1u << 31 | 0xff)) != label)
      break;
    bool hasLeaf = units[node] >> 8 & 1;
    node ^= offsetOf(units[node]);
    if (!hasLeaf || node >= units.size())
      continue;
    uint32_t value = units[node] & ~(1u << 31);
    if (value < texts.size())
      rule = {i + 1, texts.data() + value}; // ends with a 0, as all texts do
  }
  return rule;
}

} // namespace heed
