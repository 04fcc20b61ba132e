//===- Options.h - What a command line of heed asks for -------------------===//
#pragma once

#include <string>
#include <vector>

namespace heed {

/// The command line, parsed. Each command reads the part that is its own.
struct Options {
  std::string command, model;
  // build
  std::string output, target = "host", emit = "exe", schedule, numerics = "f32",
                      weights = "embed";
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
  // every command that compiles: fusion passes left out, by name
  std::vector<std::string> disable;
  // every command that compiles: whose rates choose, "builtin", "measured" or a
  // file
  std::string rates = "builtin";
  // bench
  bool machine = false, json = false, boundOnly = false;
  std::vector<std::string> sizes, inputs; // NAME=N, NAME=FILE
  int threads = 1, rounds = 5;
};

/// Parses, or prints help or what is wrong. Returns the exit code when there is
/// nothing left to do: 0 after help, 2 for wrong usage; -1 to go on.
int parseCommandLine(int argc, char **argv, Options &options);

} // namespace heed
