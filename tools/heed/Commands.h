//===- Commands.h - heed's commands ---------------------------------------===//
#pragma once

#include "tools/heed/Options.h"

namespace heed {

/// Each returns the exit code.
int buildCommand(const Options &options);
int checkCommand(const Options &options);
int irCommand(const Options &options);
int explainCommand(const Options &options);
int viewCommand(const Options &options);
/// viewCommand with --attention.
int viewAttention(const Options &options);
int verifyCommand(const Options &options);
int benchCommand(const Options &options);
int machineCommand(const Options &options);

} // namespace heed
