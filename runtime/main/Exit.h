//===- Exit.h - Exit codes ------------------------------------------------===//
#pragma once

namespace heed {

/// Exit codes, the same in every command.
enum Exit : int {
  ExitGood = 0,
  ExitInput = 1,         // the input is wrong
  ExitUsage = 2,         // the command line is wrong
  ExitMachine = 3,       // a fault of the machine: CPU, memory, disk
  ExitInterrupted = 130, // Ctrl-C, as shells count it
};

} // namespace heed
