//===- TableWriter.h - Lays a tokenizer's table out -----------------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"

namespace heed {

/// The blob of runtime/tokenizer/Table.h. The model must be one that the
/// readers checked. `chat` is the chat section (ChatTemplate.h), perhaps empty.
std::vector<char> writeTable(const TokenizerModel &model,
                             std::string_view chat = {});

} // namespace heed
