//===- Main.cpp - Where an executable that heed built starts --------------===//
#include "runtime/main/Command.h"

#include <cstdlib>

int main(int argc, char **argv) {
  // The executable is its own model file; its weights may lie beside its real
  // name, which links resolve to.
  char *self = ::realpath("/proc/self/exe", nullptr);
  std::string path = self ? self : argv[0];
  std::free(self);
  return heed::runCommandLine(argc, argv, path, heed_variants);
}
