//===- CommandLine.cpp - From words to a command --------------------------===//
#include "runtime/main/Command.h"
#include "runtime/main/StandardOutput.h"
#include "runtime/support/NearestName.h"
#include "runtime/support/Text.h"

#include <cstdio>
#include <cstring>

using namespace heed;

static constexpr const Command *commands[] = {
    &generateCommand, &chatCommand,  &scoreCommand,    &embedCommand,
    &similarCommand,  &runCommand,   &tokenizeCommand, &detokenizeCommand,
    &checkCommand,    &benchCommand, &infoCommand,
};

static constexpr Flag commonFlags[] = {
    {"--threads", "N", "threads to use (default: as many as there are CPUs)"},
    {"--help", nullptr, "this text"},
};

static std::string baseName(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

static void printOverview(const std::string &program) {
  std::printf("usage: %s COMMAND [ARGUMENTS]\n\ncommands:\n", program.c_str());
  for (const Command *command : commands)
    std::printf("  %-11s %s\n", command->name, command->summary);
  std::printf("\n%s COMMAND --help says more and shows examples; %s info says "
              "what this model is.\n"
              "Exit codes: 0 good, 1 the input is wrong, 2 the usage is wrong, "
              "3 a fault of the machine.\n",
              program.c_str(), program.c_str());
}

static void printFlags(std::span<const Flag> flags) {
  for (const Flag &flag : flags) {
    std::string left = flag.name;
    if (flag.value)
      left += concat(" ", flag.value);
    std::printf("  %-26s %s\n", left.c_str(), flag.help);
  }
}

/// `more` with each "OUT" as the program's name.
static std::string withProgram(std::string_view more,
                               const std::string &program) {
  std::string text;
  while (!more.empty()) {
    size_t at = std::min(more.find("OUT "), more.size());
    text += more.substr(0, at);
    more.remove_prefix(at);
    if (!more.empty()) {
      text += program + " ";
      more.remove_prefix(4);
    }
  }
  return text;
}

static void printHelp(const std::string &program, const Command &command) {
  std::printf("%s %s %s\n%s\n\n", program.c_str(), command.name,
              command.operands, command.summary);
  printFlags(command.flags);
  printFlags(commonFlags);
  std::printf("\n%s", withProgram(command.more, program).c_str());
}

static int unknownCommand(const std::string &program, std::string_view name) {
  std::vector<std::string> names;
  for (const Command *command : commands)
    names.push_back(command->name);
  std::string text = concat("unknown command ", inQuotes(name));
  if (std::optional<std::string> near = nearestName(name, names))
    text += concat("; did you mean ", *near, "?");
  std::fprintf(stderr, "error: %s\nsee %s --help\n", text.c_str(),
               program.c_str());
  return ExitUsage;
}

int CommandContext::fail(const Error &error) const {
  std::fprintf(stderr, "error: %s\n", error.text.c_str());
  return error.fault == Error::Machine ? ExitMachine : ExitInput;
}

int CommandContext::failUsage(const std::string &text) const {
  std::fprintf(stderr, "error: %s\nsee %s %s --help\n", text.c_str(),
               program.c_str(), command->name);
  return ExitUsage;
}

int CommandContext::print(std::string_view text) const {
  StandardOutput output;
  Status written = output.write(text);
  if (written)
    written = output.flush();
  return written ? ExitGood : fail(written.error());
}

std::unique_ptr<Model> CommandContext::open(int &exit) const {
  Result<int64_t> threads =
      arguments.integer("--threads", 0, 1, ThreadPool::most);
  if (!threads) {
    exit = failUsage(threads.error().text);
    return nullptr;
  }
  Result<std::unique_ptr<Model>> model =
      Model::open(path, variants, static_cast<unsigned>(*threads));
  if (!model) {
    exit = fail(model.error());
    return nullptr;
  }
  return std::move(*model);
}

/// Flushes what printf holds; help that could not be printed is a failure too.
static int endOfHelp() {
  if (std::fflush(stdout) == 0)
    return ExitGood;
  std::fprintf(stderr, "error: cannot write to the standard output\n");
  return ExitMachine;
}

int heed::runCommandLine(int argc, const char *const *argv,
                         const std::string &path,
                         const heed_variant *variants) {
  CommandContext context;
  context.program = argc > 0 ? argv[0] : baseName(path);
  context.path = path;
  context.variants = variants;
  if (argc < 2) {
    printOverview(context.program);
    (void)endOfHelp();
    return ExitUsage;
  }
  std::string_view name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    printOverview(context.program);
    return endOfHelp();
  }
  for (const Command *command : commands) {
    if (name != command->name)
      continue;
    context.command = command;
    std::vector<Flag> flags(command->flags.begin(), command->flags.end());
    flags.insert(flags.end(), std::begin(commonFlags), std::end(commonFlags));
    Result<Arguments> arguments =
        Arguments::parse({argv + 2, static_cast<size_t>(argc) - 2}, flags);
    if (!arguments)
      return context.failUsage(arguments.error().text);
    if (arguments->has("--help")) {
      printHelp(context.program, *command);
      return endOfHelp();
    }
    if (!*command->operands && !arguments->operands().empty())
      return context.failUsage(concat(name, " takes no operands, found ",
                                      inQuotes(arguments->operands()[0])));
    context.arguments = std::move(*arguments);
    return command->run(context);
  }
  return unknownCommand(context.program, name);
}
