//===- Main.cpp - heed: compiles attention models -------------------------===//
#include "codegen/Pipeline.h"
#include "passes/Pipeline.h"
#include "tools/heed/Commands.h"

#include <csignal>

int main(int argc, char **argv) {
  // A full disk or a closed pipe is an error to report, not a death.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  heed::Options options;
  if (int code = heed::parseCommandLine(argc, argv, options); code >= 0)
    return code;
  heed::registerPasses();
  heed::registerCodegen();
  static constexpr struct {
    const char *name;
    int (*run)(const heed::Options &);
  } commands[] = {
      {"build", heed::buildCommand}, {"check", heed::checkCommand},
      {"ir", heed::irCommand},       {"explain", heed::explainCommand},
      {"view", heed::viewCommand},   {"verify", heed::verifyCommand},
      {"bench", heed::benchCommand}};
  for (const auto &command : commands)
    if (options.command == command.name)
      return command.run(options);
  return 2;
}
