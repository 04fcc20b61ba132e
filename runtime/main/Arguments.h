//===- Arguments.h - The command line -------------------------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heed {

/// A flag that a command knows, as --help shows it.
struct Flag {
  const char *name;  // "--temperature"
  const char *value; // what stands for its value in the help; null: a switch
  const char *help;
};

/// The words after the command, taken apart. A value follows as the next word
/// or after '='; "--" ends the flags; "-" alone is an operand. Getters take the
/// last of a repeated flag.
class Arguments {
public:
  /// Errors: an unknown flag (with the nearest known one), a missing value, a
  /// value for a switch.
  static Result<Arguments> parse(std::span<const char *const> words,
                                 std::span<const Flag> flags);

  bool has(std::string_view flag) const;
  std::optional<std::string> text(std::string_view flag) const;
  std::vector<std::string> all(std::string_view flag) const;
  /// Errors: no number, or one outside [least, most].
  Result<int64_t> integer(std::string_view flag, int64_t otherwise,
                          int64_t least, int64_t most) const;
  Result<double> number(std::string_view flag, double otherwise, double least,
                        double most) const;
  const std::vector<std::string> &operands() const { return plain; }

private:
  struct Given {
    std::string flag, value;
  };
  std::vector<Given> given;
  std::vector<std::string> plain;
};

} // namespace heed
