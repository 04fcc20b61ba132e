//===- RatesFile.h - Rate tables in files, and this machine's in the cache
//-===//
#pragma once

#include "ir/Attn.h"
#include "runtime/bench/MachineRates.h"
#include "runtime/support/Result.h"

#include <nlohmann/json_fwd.hpp>

namespace heed {

/// The table as JSON, with the CPU that it is of; `heed bench --machine --json`
/// prints it among other figures.
nlohmann::json toJson(const MachineRates &rates, const std::string &cpu);

/// A table out of a file. Errors: no file, no JSON, a part that is missing or
/// of the wrong kind, a rate that is no positive number; where `cpu` is not
/// empty, a table of another CPU.
Result<MachineRates> readRates(const std::string &path,
                               const std::string &cpu = "");

/// Where this machine's table is kept: rates-HASH.json, one file a CPU, in
/// $HEED_CACHE, else $XDG_CACHE_HOME/heed, else
/// ~/.cache/heed. Empty where none of the three is set.
std::string ratesCachePath();

/// Writes this machine's table to the cache. Errors: the folder or the file
/// cannot be written.
Status cacheRates(const MachineRates &rates);

/// This machine's table: from the cache, else measured and put there. A cache
/// that cannot be read or written is told on stderr, once, and never more than
/// that.
MachineRates cachedRates();

/// What `--rates` says: "measured", or a file. Errors: those of readRates.
Result<MachineRates> ratesNamed(const std::string &name);

/// What is built in of a target: its atoms in registers and its caches, no
/// loads, softmax and reading.
MachineRates builtinRates(attn::TargetAttr target);

/// `target` with the rates of its atoms and the sizes of its caches from the
/// table, where it has them.
attn::TargetAttr withRates(attn::TargetAttr target, const MachineRates &rates);

} // namespace heed
