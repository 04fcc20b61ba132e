//===- Main.cpp - Where an executable that heed built starts --------------===//
#include "runtime/main/Command.h"

int main(int argc, char **argv) {
  // The executable is its own model file.
  return heed::runCommandLine(argc, argv, heed::runningExecutable(),
                              heed_variants);
}
