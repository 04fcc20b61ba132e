//===- Preload.cpp - The emulator for a program that was built without it -===//
//
// LD_PRELOAD=libheed_amx.so PROGRAM
//
//===----------------------------------------------------------------------===//
#include "tests/amx/Emulator.h"

#include <dlfcn.h>
#include <signal.h>

__attribute__((constructor)) static void start() { heed::test::emulateAmx(); }

/// Threads that block all signals still run AMX.
extern "C" int pthread_sigmask(int how, const sigset_t *set,
                               sigset_t *before) noexcept {
  static auto *real = reinterpret_cast<decltype(&pthread_sigmask)>(
      dlsym(RTLD_NEXT, "pthread_sigmask"));
  if (!set || how == SIG_UNBLOCK)
    return real(how, set, before);
  sigset_t some = *set;
  sigdelset(&some, SIGILL);
  return real(how, &some, before);
}
