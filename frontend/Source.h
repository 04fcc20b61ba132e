//===- Source.h - The text of a model file, checked before it is parsed ---===//
#pragma once

#include "frontend/Diagnostics.h"

#include <optional>

namespace heed {

/// What a model file may be at most. They are far above what a model needs and
/// far below what would exhaust a stack or a memory.

inline constexpr size_t MaxFileBytes = 1 << 20, MaxNesting = 64,
                        MaxNodes = 200000, MaxSteps = 200000;

/// Reads the file and hands it to `diags`. Errors: a file that cannot be read,
/// is empty, too long, binary or not UTF-8, is indented by tabs, or nests its
/// brackets too deep.
std::optional<std::string> readSource(llvm::StringRef path, Diagnostics &diags);

} // namespace heed
