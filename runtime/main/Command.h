//===- Command.h - What the executable can be asked for -------------------===//
#pragma once

#include "runtime/main/Arguments.h"
#include "runtime/main/Exit.h"
#include "runtime/step/Session.h"

namespace heed {

/// What a command works with.
struct CommandContext {
  std::string program; // as it was called
  std::string path;    // of the model
  const heed_variant *variants;
  const struct Command *command;
  Arguments arguments;

  /// Opens the model with --threads. Prints what went wrong and sets `exit`.
  std::unique_ptr<Model> open(int &exit) const;
  /// Prints "error: …" to the standard error; the exit code of `error`.
  int fail(const Error &error) const;
  /// The same for a wrong command line, with a pointer to the help.
  int failUsage(const std::string &text) const;
  /// Writes all that a command has to say to the standard output; its exit
  /// code.
  int print(std::string_view text) const;
};

struct Command {
  const char *name;
  const char *operands;        // "[PROMPT]"
  const char *summary;         // one line
  std::span<const Flag> flags; // besides --help and --threads
  const char *more;            // details and examples, for --help
  int (*run)(CommandContext &context);
};

extern const Command generateCommand, chatCommand, scoreCommand, runCommand,
    embedCommand, similarCommand, tokenizeCommand, detokenizeCommand,
    checkCommand, benchCommand, infoCommand;

/// Parses the command line and runs the command.
int runCommandLine(int argc, const char *const *argv, const std::string &path,
                   const heed_variant *variants);

} // namespace heed
