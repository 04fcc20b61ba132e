//===- Link.h - Objects and the runtime become one executable -------------===//
#pragma once

#include "runtime/support/Result.h"

#include <string>
#include <vector>

namespace heed {

/// Links objects with `runtime` (libheed_runtime.a) into `output`, static
/// libstdc++, nothing shared but libc. Calls the C++ driver that is installed
/// (clang++-22, clang++, g++, c++), without a shell.
Status linkExecutable(const std::vector<std::string> &objects,
                      const std::string &runtime, const std::string &output);

} // namespace heed
