#include "runtime/tokenizer/WholeTokens.h"

#include <algorithm>

namespace heed {

/// The longest whole token at the start of `text`: narrows the range of tokens,
/// which are sorted by their bytes, by one byte at a time.
static int32_t longestAt(const Table &table, std::string_view text,
                         bool special) {
  std::span<const uint32_t> range = table.wholeTokens();
  auto byteAt = [&](uint32_t id, size_t depth) -> int {
    std::string_view token = table.token(id);
    return depth < token.size() ? static_cast<uint8_t>(token[depth]) : -1;
  };
  int32_t best = NoToken;
  for (size_t depth = 0; depth < text.size() && !range.empty(); ++depth) {
    int byte = static_cast<uint8_t>(text[depth]);
    auto low =
        std::partition_point(range.begin(), range.end(), [&](uint32_t id) {
          return byteAt(id, depth) < byte;
        });
    auto high = std::partition_point(low, range.end(), [&](uint32_t id) {
      return byteAt(id, depth) == byte;
    });
    range = {low, high};
    // The shortest of the range comes first.
    if (!range.empty() && table.token(range[0]).size() == depth + 1 &&
        (special || (table.flags(range[0]) & TokenWhole)))
      best = static_cast<int32_t>(range[0]);
  }
  return best;
}

WholeToken findWholeToken(const Table &table, std::string_view text,
                          size_t from, bool special) {
  if (table.wholeTokens().empty())
    return {};
  bool starts[256] = {};
  for (uint32_t id : table.wholeTokens())
    if (special || (table.flags(id) & TokenWhole))
      starts[static_cast<uint8_t>(table.token(id)[0])] = true;
  for (size_t at = from; at < text.size(); ++at) {
    if (!starts[static_cast<uint8_t>(text[at])])
      continue;
    int32_t id = longestAt(table, text.substr(at), special);
    if (id != NoToken)
      return {at, at + table.token(id).size(), id};
  }
  return {};
}

} // namespace heed
