//===- StopFilter.h - Text up to a stop string ----------------------------===//
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heed {

/// Lets text through until one of the stop strings stands in it. Text that may
/// be the start of a stop string waits.
class StopFilter {
public:
  explicit StopFilter(std::vector<std::string> stops);

  /// Takes the next piece and appends to `out` what may be shown. True once a
  /// stop string has come; it and what follows are dropped.
  bool push(std::string_view text, std::string &out);
  /// The end came without a stop: what waited.
  std::string flush();

private:
  std::vector<std::string> stops;
  std::string waiting;
};

} // namespace heed
