//===- WorkFolder.h - A folder for what is made on the way ----------------===//
#pragma once

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"

#include <string>

namespace heed {

/// A temporary folder, gone with all that is in it when this goes; meanwhile
/// the programs that are called put their own temporary files there too.
class WorkFolder {
public:
  WorkFolder();
  ~WorkFolder();
  WorkFolder(const WorkFolder &) = delete;
  WorkFolder &operator=(const WorkFolder &) = delete;

  bool made() const { return !path.empty(); }
  std::string file(llvm::StringRef name) const {
    return (llvm::Twine(path) + "/" + name).str();
  }

private:
  llvm::SmallString<128> path;
  std::string before; // TMPDIR; empty: not set
};

} // namespace heed
