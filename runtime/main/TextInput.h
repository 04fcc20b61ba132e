//===- TextInput.h - Texts from files and the standard input --------------===//
#pragma once

#include "runtime/main/Arguments.h"
#include "runtime/support/Result.h"

#include <cstdio>
#include <optional>
#include <string>

namespace heed {

/// All of a file; "-" is the standard input.
Result<std::string> readText(const std::string &path);

/// Lines of a file one by one, so that a file of any size takes the memory of
/// its longest line. "-" is the standard input. "\r\n" ends a line too.
class LineReader {
public:
  static Result<LineReader> open(const std::string &path);
  LineReader(LineReader &&other) noexcept;
  ~LineReader();

  /// False at the end. Error: the file cannot be read on.
  Result<bool> next(std::string &line);

private:
  LineReader(std::string path, std::FILE *file)
      : path(std::move(path)), file(file) {}
  std::string path;
  std::FILE *file;
};

/// The text of a command: its operands joined by spaces, else --file, else the
/// standard input unless that is a terminal. Nothing if there is none.
struct CommandContext;
Result<std::optional<std::string>> commandText(const CommandContext &context);

/// Error: the text or ids are given more than once, as operands, --file or
/// --ids.
Status oneSource(const Arguments &arguments);

/// Says on the standard error where `text` is not UTF-8.
void noteInvalidUtf8(const std::string &text, const char *what);

} // namespace heed
