//===- AtomRates.h - The rates of this machine's atoms, measured ----------===//
#pragma once

#include <string>
#include <vector>

namespace heed {

/// One atom of design section 6: its name, what it needs, and the measured rate of one thread in GFLOP/s (GOP/s for
/// integers), best of several runs of some milliseconds from registers.
struct AtomRate {
  std::string name, needs;
  double rate;
};

/// All atoms that this CPU has.
std::vector<AtomRate> measureAtoms();

} // namespace heed
