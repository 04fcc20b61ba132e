//===- WorkFolder.cpp - A folder for what is made on the way --------------===//
#include "tools/heed/WorkFolder.h"

#include "llvm/Support/FileSystem.h"

#include <cstdlib>

namespace heed {

WorkFolder::WorkFolder() {
  if (llvm::sys::fs::createUniqueDirectory("heed", path)) {
    path.clear();
    return;
  }
  if (const char *folder = std::getenv("TMPDIR"))
    before = folder;
  setenv("TMPDIR", path.c_str(), 1);
}

WorkFolder::~WorkFolder() {
  if (path.empty())
    return;
  llvm::sys::fs::remove_directories(path);
  before.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before.c_str(), 1);
}

} // namespace heed
