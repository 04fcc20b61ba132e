//===- Diagnostics.cpp - All errors of a model file -----------------------===//
#include "frontend/Diagnostics.h"
#include "runtime/support/NearestName.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace heed;
using llvm::StringRef;

static bool isContinuation(char c) { return (c & 0xC0) == 0x80; }

void Diagnostics::setSource(StringRef path, StringRef text) {
  file = path.str();
  source = text.str();
  lineStarts = {0};
  for (size_t i = 0; i < source.size(); ++i)
    if (source[i] == '\n')
      lineStarts.push_back(i + 1);
}

void Diagnostics::error(Place at, const llvm::Twine &text) {
  constexpr size_t Most = 1000; // the rest of such a file is not worth a word
  if (errors.size() >= Most)
    return;

  std::string message = text.str();
  // Names come out of the file, however long.
  constexpr size_t Longest = 1000;
  if (message.size() > Longest) {
    message.resize(Longest);
    while (isContinuation(message.back()) || (message.back() & 0xC0) == 0xC0)
      message.pop_back();
    message += "…";
  }

  for (const Entry &entry : errors)
    if (entry.at == at && (firstOfPlace || entry.text == message))
      return;
  errors.push_back({at, std::move(message)});
}

StringRef Diagnostics::lineAt(unsigned line) const {
  if (line == 0 || line > lineStarts.size())
    return {};
  StringRef rest = StringRef(source).substr(lineStarts[line - 1]);
  return rest.take_until([](char c) { return c == '\n' || c == '\r'; });
}

Place Diagnostics::within(Place at, StringRef scalar, size_t offset) const {
  if (at.line == 0 || at.column == 0)
    return at;
  StringRef rest = lineAt(at.line).substr(at.column - 1);
  unsigned quote = !rest.empty() && (rest[0] == '"' || rest[0] == '\'');
  if (!rest.substr(quote).starts_with(scalar))
    return at;
  return {at.line, at.column + quote + unsigned(offset)};
}

/// The line with a caret under the column; long lines are cut around it.
static void showLine(llvm::raw_ostream &os, StringRef line, unsigned column) {
  constexpr size_t Most = 120;
  size_t at = std::min<size_t>(column ? column - 1 : 0, line.size());
  size_t from = line.size() > Most && at > Most / 2 ? at - Most / 2 : 0;
  while (from < at && isContinuation(line[from]))
    ++from;
  size_t upTo = std::min(line.size(), from + Most);
  while (upTo > at && upTo < line.size() && isContinuation(line[upTo]))
    --upTo;
  auto printable = [](char c) {
    return c == '\t' || (unsigned char)c >= ' ' ? c : '?';
  };
  os << "  ";
  for (char c : line.slice(from, upTo))
    os << printable(c);
  os << "\n  ";
  for (char c : line.slice(from, at))
    if (!isContinuation(c))
      os << (c == '\t' ? '\t' : ' ');
  os << "^\n";
}

void Diagnostics::print(llvm::raw_ostream &os) const {
  constexpr size_t Most = 50;
  std::vector<const Entry *> sorted;
  for (const Entry &entry : errors)
    sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](const Entry *a, const Entry *b) {
    return a->at != b->at ? a->at < b->at : a < b;
  });
  size_t shown = std::min(sorted.size(), Most);
  for (const Entry *each : llvm::ArrayRef(sorted).take_front(shown)) {
    const Entry &entry = *each;
    os << file;
    if (entry.at.line)
      os << ':' << entry.at.line << ':' << entry.at.column;
    os << ": error: " << entry.text << '\n';
    if (entry.at.line)
      showLine(os, lineAt(entry.at.line), entry.at.column);
  }
  if (sorted.size() > Most)
    os << file << ": " << sorted.size() - Most << " more errors\n";
}

std::string Diagnostics::str() const {
  std::string out;
  llvm::raw_string_ostream os(out);
  print(os);
  return out;
}

std::string heed::didYouMean(StringRef wanted,
                             const std::vector<std::string> &candidates) {

  if (wanted.size() < 2) // every name of one letter is near every other
    return "";
  std::optional<std::string> near = nearestName(wanted, candidates);
  return near ? "; did you mean `" + *near + "`?" : "";
}

std::string heed::orList(const std::vector<std::string> &names) {
  std::string out;
  for (auto [i, name] : llvm::enumerate(names)) {
    out += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
    out += "`" + name + "`";
  }
  return out;
}
