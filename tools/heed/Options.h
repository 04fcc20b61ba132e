//===- Options.h - What a command line of heed asks for -------------------===//
#pragma once

#include <string>
#include <vector>

namespace heed {

/// The command line, parsed. Each command reads the part that is its own.
struct Options {
  std::string command, model;
  // build
  std::string output, emit = "exe", weights = "embed";
  bool timing = false, emulate = false;
  int jobs = 0;
  // ir, explain
  std::string stage = "model";
  // view: positions and queries of a tile, 0 for what looks well; explain:
  // positions, 0 for the model's context
  bool mask = false;
  int64_t length = 0, tile = 0;
  // view: the attention of a layer for a prompt; no head: all of them
  bool attention = false;
  std::string prompt, promptFile;
  int64_t layer = 0, head = -1;
  // verify: a certificate to write, and one to check
  std::string certificate, checkCertificate;
  // every command that compiles. disable: fusion passes left out, by name;
  // rates: whose rates choose, "builtin", "measured" or a file
  std::string target = "host", numerics = "f32", schedule, rates = "builtin";
  std::vector<std::string> disable;
  // bench
  bool machine = false, json = false, boundOnly = false;
  std::vector<std::string> sizes, inputs; // NAME=N, NAME=FILE
  int threads = 1, rounds = 5;
  int64_t promptTokens = 0; // 0: as OUT bench
};

/// Parses, or prints help or what is wrong. Returns the exit code when there is
/// nothing left to do: 0 after help, 2 for wrong usage; -1 to go on.
int parseCommandLine(int argc, char **argv, Options &options);

} // namespace heed
