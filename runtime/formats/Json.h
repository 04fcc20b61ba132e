//===- Json.h - Strict JSON from files we do not trust --------------------===//
//
// For the compiler's side (safetensors headers, tokenizer.json); what is linked
// into an executable reads no JSON.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/support/Result.h"

#ifndef JSON_NOEXCEPTION
#define JSON_NOEXCEPTION
#endif
#include <nlohmann/json.hpp>

#include <string_view>

namespace heed {

/// Parses one JSON text. `label` starts the message of an error, which gives
/// line and column. Errors: everything the grammar forbids, invalid UTF-8, a
/// key that stands twice in one object, nesting deeper than 64.
///
/// A value of the wrong kind aborts in nlohmann's accessors when exceptions are
/// off: ask is_string() and kin, or get_ptr, first.
Result<nlohmann::json> parseJson(std::string_view text,
                                 const std::string &label);

} // namespace heed
