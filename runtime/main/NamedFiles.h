//===- NamedFiles.h - NAME=file.npy ---------------------------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <string>
#include <vector>

namespace heed {

struct NamedFile {
  std::string name, path;
};

/// Takes "NAME=file.npy" apart. Errors: no '=', nothing before or behind it, a
/// name twice; `flag` is what they were given to.
Result<std::vector<NamedFile>>
parseNamedFiles(const std::string &flag, const std::vector<std::string> &words);

/// Token ids of shape [n] or [batch, n], int64 or int32.
struct IdArray {
  int64_t batch = 1, length = 0;
  std::vector<int64_t> values; // [batch, length]
};

/// Errors: those of the file, another type or rank.
Result<IdArray> readIds(const std::string &path);

} // namespace heed
