//===- TextInput.cpp - Texts from files and the standard input ------------===//
#include "runtime/main/TextInput.h"
#include "runtime/main/Command.h"
#include "runtime/support/Text.h"
#include "runtime/tokenizer/Utf8.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

using namespace heed;

static Result<std::FILE *> openText(const std::string &path) {
  if (path == "-")
    return stdin;
  std::FILE *file = std::fopen(path.c_str(), "rbe");
  struct stat info;
  if (file && ::fstat(::fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
    std::fclose(file);
    return Error{path + ": is a directory, not a file"};
  }
  if (!file)
    return Error{concat(path, ": cannot be read: ", std::strerror(errno))};
  return file;
}

static Error readFailed(const std::string &path) {
  return {concat(path == "-" ? "the standard input" : path,
                 ": cannot be read: ", std::strerror(errno)),
          Error::Machine};
}

Result<std::string> heed::readText(const std::string &path) {
  Result<std::FILE *> file = openText(path);
  if (!file)
    return file.error();
  std::string text;
  char piece[1 << 16];
  while (size_t got = std::fread(piece, 1, sizeof piece, *file))
    text.append(piece, got);
  bool failed = std::ferror(*file);
  Error error = failed ? readFailed(path) : Error();
  if (*file != stdin)
    std::fclose(*file);
  if (failed)
    return error;
  return text;
}

Result<LineReader> LineReader::open(const std::string &path) {
  Result<std::FILE *> file = openText(path);
  if (!file)
    return file.error();
  return LineReader(path, *file);
}

LineReader::LineReader(LineReader &&other) noexcept
    : path(std::move(other.path)), file(std::exchange(other.file, nullptr)) {}

LineReader::~LineReader() {
  if (file && file != stdin)
    std::fclose(file);
}

Result<bool> LineReader::next(std::string &line) {
  line.clear();
  int c;
  while ((c = ::getc_unlocked(file)) != EOF && c != '\n')
    line += static_cast<char>(c);
  if (std::ferror(file))
    return readFailed(path);
  if (c == EOF && line.empty())
    return false;
  if (line.ends_with('\r'))
    line.pop_back();
  return true;
}

Status heed::oneSource(const Arguments &arguments) {
  const char *first = arguments.operands().empty() ? nullptr : "an argument";
  for (const char *flag : {"--file", "--ids"}) {
    if (!arguments.has(flag))
      continue;
    if (first)
      return Error{concat("the text comes from ", first, " or from ", flag,
                          ", not both")};
    first = flag;
  }
  return {};
}

Result<std::optional<std::string>>
heed::commandText(const CommandContext &context) {
  const Arguments &arguments = context.arguments;
  std::optional<std::string> file = arguments.text("--file");
  if (!arguments.operands().empty()) {
    std::string text;
    for (const std::string &word : arguments.operands())
      text += (text.empty() ? "" : " ") + word;
    return std::optional(text);
  }
  if (!file && ::isatty(STDIN_FILENO))
    return std::optional<std::string>();
  Result<std::string> text = readText(file.value_or("-"));
  if (!text)
    return text.error();
  return std::optional(*text);
}

void heed::noteInvalidUtf8(const std::string &text, const char *what) {
  for (size_t at = 0; at < text.size();) {
    Utf8Character c = characterAt(text, at);
    if (!c.valid) {
      std::fprintf(stderr,
                   "note: %s is not valid UTF-8 (byte %zu); such bytes are "
                   "read as U+FFFD\n",
                   what, at);
      return;
    }
    at += c.size;
  }
}
