//===- StandardOutput.h - What the commands print -------------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace heed {

/// The standard output, buffered; unlike printf it says when it fails.
class StandardOutput {
public:
  ~StandardOutput();
  /// Error, a fault of the machine: the disk is full, the pipe is closed.
  Status write(std::string_view text);
  Status flush();

private:
  std::string waiting;
};

/// `text` as a JSON string, quotes included; bytes that are not UTF-8 become
/// U+FFFD.
std::string jsonString(std::string_view text);
/// The shortest decimal that reads back as the same number; null where JSON has
/// none.
std::string jsonNumber(double value);
std::string jsonNumber(float value);

/// `value` with so many decimals.
std::string fixedNumber(double value, int decimals);

/// A line on the standard error that is written over, only on a terminal and
/// only once the work has taken over a second.
class Progress {
public:
  Progress();
  ~Progress();
  void show(std::string_view what, size_t done, size_t all);

private:
  bool terminal, shown = false;
  double began, last = 0;
};

/// Seconds on a clock that never goes back.
double secondsNow();

} // namespace heed
