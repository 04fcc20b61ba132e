//===- Parser.h - A chat template's words to its tree ---------------------===//
#pragma once

#include "codegen/pack/tokenizer/jinja/Syntax.h"
#include "runtime/support/Result.h"

#include <string_view>

namespace heed::jinja {

/// The part of Jinja that chat templates use: text, {{ }}, if, for, set,
/// expressions. Errors, with the line: what Jinja forbids, what is not of this
/// part (macros, blocks, includes), nesting deeper than 64.
Result<Nodes> parse(std::string_view source);

} // namespace heed::jinja
