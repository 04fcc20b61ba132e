//===- Main.cpp - Where an executable that heed built starts --------------===//
#include "runtime/main/Command.h"

#include <cstdio>
#include <cstdlib>

/// In place of libstdc++'s, which brings a demangler of 40 KB to name the type.
/// Nothing here throws but the allocator.
void __gnu_cxx::__verbose_terminate_handler() {
  std::fputs("out of memory\n", stderr);
  std::abort();
}

int main(int argc, char **argv) {
  // The executable is its own model file.
  return heed::runCommandLine(argc, argv, heed::runningExecutable(),
                              heed_variants);
}
