#include "codegen/pack/tokenizer/jinja/Lexer.h"

#include "runtime/support/Text.h"

#include <algorithm>

namespace heed::jinja {

namespace {

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class Lexer {
public:
  explicit Lexer(std::string_view source) : source(source) {}

  Result<std::vector<Word>> run() {
    if (source.ends_with('\n'))
      source.remove_suffix(1);
    while (problem.empty() && at < source.size())
      textThenTag();
    if (!problem.empty())
      return Error{concat("line ", line(), ": ", problem)};
    add(Word::Last, "");
    return std::move(words);
  }

private:
  /// The line that `at` has reached.
  unsigned line() {
    for (; counted < std::min(at, source.size()); ++counted)
      lines += source[counted] == '\n';
    return lines;
  }
  void add(Word::Kind kind, std::string text, int64_t number = 0) {
    words.push_back({kind, std::move(text), number, line()});
  }

  /// The text up to the next tag, and the tag.
  void textThenTag() {
    size_t tag = at;
    while ((tag = source.find('{', tag)) != std::string_view::npos &&
           (tag + 1 == source.size() ||
            std::string_view("{%#").find(source[tag + 1]) ==
                std::string_view::npos))
      ++tag;
    tag = std::min(tag, source.size());
    std::string_view text = source.substr(at, tag - at);
    if (tag < source.size()) {
      bool trims = tag + 2 < source.size() && source[tag + 2] == '-';
      bool keeps = tag + 2 < source.size() && source[tag + 2] == '+';
      if (trims)
        while (!text.empty() && isSpace(text.back()))
          text.remove_suffix(1);
      else if (source[tag + 1] != '{' && !keeps)
        stripLine(text, tag);
      at = tag;
      if (!text.empty())
        add(Word::Text, std::string(text));
      at = tag + 2 + (trims || keeps);
      readTag(source[tag + 1]);
      return;
    }
    add(Word::Text, std::string(text));
    at = tag;
  }

  /// lstrip_blocks: blanks between a line's start and a block's tag go.
  void stripLine(std::string_view &text, size_t tag) const {
    size_t keep = text.size();
    while (keep > 0 && (text[keep - 1] == ' ' || text[keep - 1] == '\t'))
      --keep;
    bool startsLine = keep > 0 ? text[keep - 1] == '\n'
                               : tag == text.size() || source[at - 1] == '\n';
    if (startsLine)
      text = text.substr(0, keep);
  }

  /// After a tag: `-` takes all white space, trim_blocks a block's newline.
  void afterTag(bool trims, bool block) {
    if (trims)
      while (at < source.size() && isSpace(source[at]))
        ++at;
    else if (block && at < source.size() && source[at] == '\n')
      ++at;
  }

  void readTag(char kind) {
    if (kind == '#') {
      size_t end = source.find("#}", at);
      if (end == std::string_view::npos) {
        problem = "a comment does not end";
        return;
      }
      bool trims = end > at && source[end - 1] == '-';
      at = end + 2;
      afterTag(trims, true);
      return;
    }
    add(kind == '{' ? Word::Open : Word::Begin, "");
    std::string close = kind == '{' ? "}}" : "%}";
    while (problem.empty()) {
      while (at < source.size() && isSpace(source[at]))
        ++at;
      if (at >= source.size()) {
        problem = concat("a tag does not end in ", close);
        return;
      }
      std::string_view rest = source.substr(at);
      bool trims = rest.starts_with("-" + close);
      if (trims || (rest.starts_with(close) && braces == 0)) {
        at += trims ? 3 : 2;
        add(kind == '{' ? Word::Close : Word::End, "");
        afterTag(trims, kind == '%');
        return;
      }
      readWord();
    }
  }

  void readWord() {
    char c = source[at];
    size_t begin = at;
    if (isNameStart(c)) {
      while (at < source.size() &&
             (isNameStart(source[at]) || isDigit(source[at])))
        ++at;
      return add(Word::Name, std::string(source.substr(begin, at - begin)));
    }
    if (isDigit(c)) {
      int64_t number = 0;
      for (; at < source.size() && isDigit(source[at]); ++at)
        number = std::min<int64_t>(number * 10 + (source[at] - '0'), 1 << 30);
      return add(Word::Number, "", number);
    }
    if (c == '\'' || c == '"')
      return readString(c);
    for (std::string_view symbol : {"==", "!=", "<=", ">="})
      if (source.substr(at).starts_with(symbol)) {
        at += 2;
        return add(Word::Symbol, std::string(symbol));
      }
    if (std::string_view("+-~%*()[]{}.,:|=<>").find(c) ==
        std::string_view::npos) {
      problem = concat("unexpected ", inQuotes(source.substr(at, 1)));
      return;
    }
    braces += c == '{' ? 1 : c == '}' ? -1 : 0;
    ++at;
    add(Word::Symbol, std::string(1, c));
  }

  void readString(char quote) {
    std::string value;
    for (++at; at < source.size(); ++at) {
      char c = source[at];
      if (c == quote) {
        ++at;
        return add(Word::String, std::move(value));
      }
      if (c == '\\' && at + 1 < source.size()) {
        char escaped = source[++at];
        value += escaped == 'n'   ? '\n'
                 : escaped == 't' ? '\t'
                 : escaped == 'r' ? '\r'
                                  : escaped;
        continue;
      }
      value += c;
    }
    problem = "a string does not end";
  }

  std::string_view source;
  size_t at = 0, counted = 0;
  unsigned lines = 1;
  int braces = 0; // open within the tag
  std::vector<Word> words;
  std::string problem;
};

} // namespace

Result<std::vector<Word>> lex(std::string_view source) {
  return Lexer(source).run();
}

} // namespace heed::jinja
