//===- Lexer.h - A chat template as words ---------------------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heed::jinja {

struct Word {
  enum Kind {
    Text,   // outside of braces
    Open,   // {{
    Close,  // }}
    Begin,  // {%
    End,    // %}
    Name,   // identifier or keyword
    String, // text holds the value
    Number,
    Symbol, // an operator or bracket
    Last,   // the end of the template
  };
  Kind kind;
  std::string text;
  int64_t number = 0;
  unsigned line = 1;
};

/// Comments are gone and white space is cut as Hugging Face renders templates:
/// `-` inside a tag, trim_blocks, lstrip_blocks, no newline at the end. Errors:
/// a tag or string that does not end, a character that starts no word.
Result<std::vector<Word>> lex(std::string_view source);

} // namespace heed::jinja
