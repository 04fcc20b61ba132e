//===- CpuFeatures.h - What this CPU and its kernel can run ---------------===//
#pragma once

#include "runtime/model/Entry.h"
#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace heed {

/// Whether this CPU has the feature that LLVM calls `name` ("avx512f") and the
/// operating system lets programs use its registers. A name that is not known
/// here counts as missing.
bool cpuHas(std::string_view name);

/// Those of `features` (LLVM's names joined by commas) that are missing here,
/// joined by ", ".
std::string missingFeatures(std::string_view features);

/// Tells this CPU from others: its name, its signature (CPUID leaf 1, EAX) and
/// those of its vector units that heed has code for.
std::string cpuIdentity();

/// Asks the kernel for the tile registers of AMX, which it gives to a process
/// on demand (Linux 5.16); false when it refuses.
bool askForTiles();

/// The first of `variants` that this CPU can run. AMX is asked of the kernel,
/// once a process. Error, a fault of the machine: none; the text names what
/// the CPU lacks for the least demanding one.
Result<const heed_variant *> chooseVariant(const heed_variant *variants);

} // namespace heed
