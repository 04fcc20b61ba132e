#include "runtime/tokenizer/PieceScanner.h"

#include "runtime/tokenizer/Utf8.h"

namespace heed {

static constexpr uint8_t SpaceLetterNumber =
    ClassSpace | ClassLetter | ClassNumber;

static bool isOther(uint8_t classes) {
  return (classes & SpaceLetterNumber) == 0;
}
static bool isNewline(char c) { return c == '\n' || c == '\r'; }

PieceScanner::Seen PieceScanner::look(size_t at) const {
  Utf8Character c = characterAt(text, at);
  return {table.classes(c.value), at + c.size};
}

/// The end of the run of characters that have one of the classes `any`.
size_t PieceScanner::runEnd(size_t at, uint8_t any) const {
  while (at < limit) {
    Seen seen = look(at);
    if (!(seen.classes & any))
      break;
    at = seen.end;
  }
  return at;
}

/// The end of [^\s\p{L}\p{N}]*.
size_t PieceScanner::otherRunEnd(size_t at) const {
  while (at < limit) {
    Seen seen = look(at);
    if (!isOther(seen.classes))
      break;
    at = seen.end;
  }
  return at;
}

/// \s+(?!\S)|\s+ at a space: the run, less its last character if a non-space
/// follows and something is left.
size_t PieceScanner::spaceRunEnd(size_t at) const {
  size_t last = at, end = at;
  while (end < limit) {
    Seen seen = look(end);
    if (!(seen.classes & ClassSpace))
      return last == at ? end : last;
    last = end;
    end = seen.end;
  }
  return end;
}

/// The end of a contraction such as 's or 'll at `at`, or `at`. Blind to case,
/// U+017F (long s) matches s by simple case folding.
size_t PieceScanner::contractionEnd(size_t at, bool blindToCase) const {
  if (text[at] != '\'')
    return at;
  std::string_view rest = text.substr(at + 1, limit - at - 1);
  auto letter = [&](size_t i) -> char {
    if (i >= rest.size())
      return 0;
    char c = rest[i];
    return blindToCase && c >= 'A' && c <= 'Z' ? char(c | 0x20) : c;
  };
  char first = letter(0), second = letter(1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return at + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
      (first == 'l' && second == 'l'))
    return at + 3;
  if (blindToCase && rest.starts_with("\u017f"))
    return at + 3;
  return at;
}

size_t PieceScanner::gpt2End(size_t at) const {
  if (size_t end = contractionEnd(at, false); end != at)
    return end;
  Seen seen = look(at);
  size_t body = at;
  if (text[at] == ' ' && seen.end < limit) {
    Seen after = look(seen.end);
    if (!(after.classes & ClassSpace)) {
      body = seen.end;
      seen = after;
    }
  }
  if (seen.classes & ClassLetter)
    return runEnd(body, ClassLetter);
  if (seen.classes & ClassNumber)
    return runEnd(body, ClassNumber);
  if (isOther(seen.classes))
    return otherRunEnd(body);
  return spaceRunEnd(at);
}

size_t PieceScanner::llama3End(size_t at, unsigned digits) const {
  if (size_t end = contractionEnd(at, true); end != at)
    return end;
  Seen seen = look(at);
  if (seen.classes & ClassLetter)
    return runEnd(at, ClassLetter);
  bool another = seen.end < limit;
  Seen after = another ? look(seen.end) : Seen{0, seen.end};
  if (!isNewline(text[at]) && !(seen.classes & ClassNumber) &&
      (after.classes & ClassLetter))
    return runEnd(after.end, ClassLetter);
  if (seen.classes & ClassNumber) {
    size_t end = seen.end;
    for (unsigned taken = 1; taken < digits && end < limit; ++taken) {
      Seen digit = look(end);
      if (!(digit.classes & ClassNumber))
        break;
      end = digit.end;
    }
    return end;
  }
  bool spaceFirst = text[at] == ' ' && another && isOther(after.classes);
  if (spaceFirst || isOther(seen.classes)) {
    size_t end = otherRunEnd(spaceFirst ? seen.end : at);
    while (end < limit && isNewline(text[end]))
      ++end;
    return end;
  }
  size_t run = runEnd(at, ClassSpace);
  for (size_t end = run; end > at; --end)
    if (isNewline(text[end - 1]))
      return end;
  return spaceRunEnd(at);
}

/// DigitsThenGpt2: one number character, or all up to the next.
void PieceScanner::startStretch() {
  limit = text.size();
  Seen seen = look(start);
  size_t end = seen.end;
  if (!(seen.classes & ClassNumber))
    while (end < text.size()) {
      Seen after = look(end);
      if (after.classes & ClassNumber)
        break;
      end = after.end;
    }
  limit = end;
}

bool PieceScanner::next(std::string_view &piece) {
  if (start >= text.size())
    return false;
  PreTokenizer rule = table.header().rule;
  if (rule != PreTokenizer::DigitsThenGpt2)
    limit = text.size();
  else if (start == limit)
    startStretch();

  size_t end = limit;
  switch (rule) {
  case PreTokenizer::Gpt2:
  case PreTokenizer::DigitsThenGpt2:
    end = gpt2End(start);
    break;
  case PreTokenizer::Llama3:
    end = llama3End(start, 3);
    break;
  case PreTokenizer::Qwen2:
    end = llama3End(start, 1);
    break;
  case PreTokenizer::None:
    break;
  }
  piece = text.substr(start, end - start);
  start = end;
  return true;
}

} // namespace heed
