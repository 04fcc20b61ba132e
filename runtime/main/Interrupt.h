//===- Interrupt.h - Ctrl-C -----------------------------------------------===//
#pragma once

#include <atomic>

namespace heed {

/// While it lives, the first Ctrl-C sets flag() (and lets a waiting read fail
/// with EINTR); a second one ends the process.
class InterruptGuard {
public:
  InterruptGuard();
  ~InterruptGuard();
  static std::atomic<bool> &flag();
  /// Makes the next Ctrl-C the first one again.
  void rearm();
};

} // namespace heed
