//===- Interrupt.cpp - Ctrl-C ---------------------------------------------===//
#include "runtime/main/Interrupt.h"

#include <csignal>

using namespace heed;

static std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

std::atomic<bool> &InterruptGuard::flag() { return interrupted; }

InterruptGuard::InterruptGuard() { rearm(); }

void InterruptGuard::rearm() {
  interrupted = false;
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  // Once: the second Ctrl-C does what it does everywhere.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
}

InterruptGuard::~InterruptGuard() { ::signal(SIGINT, SIG_DFL); }
