//===- CommandSupport.h - Runs a fake model's executable ------------------===//
#pragma once

#include "tests/runtime/FakeModel.h"
#include "tests/runtime/TestFiles.h"

namespace heed::test {

struct Outcome {
  int exit;
  std::string out, err;
};

/// An executable of a fake model in a folder of its own.
class Program {
public:
  enum Tokens { Chars, SmolLm, Chat, Words, None };

  explicit Program(const ModelInfo &info, Tokens tokens = None,
                   const std::string &executable = HEED_FAKE_MODEL);

  /// Runs it through the shell: `arguments` may hold quotes and redirections
  /// ("generate '12+' < in"); the folder is the working directory.
  Outcome run(const std::string &arguments) const;

  TempFolder folder;
};

} // namespace heed::test
