//===- WholeTokens.h - Tokens that are found in a text as they stand ------===//
#pragma once

#include "runtime/tokenizer/Table.h"

namespace heed {

/// A token found in a text.
struct WholeToken {
  size_t begin = 0, end = 0;
  int32_t id = NoToken;
};

/// The first token that stands whole in `text` at or after `from`, the longest
/// of those that start there; `id` is NoToken when there is none. Tokens with
/// TokenSpecial but not TokenWhole count only when `special`.
WholeToken findWholeToken(const Table &table, std::string_view text,
                          size_t from, bool special);

} // namespace heed
