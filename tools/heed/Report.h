//===- Report.h - Errors, diagnostics and progress for the user -----------===//
#pragma once

#include "llvm/ADT/Twine.h"

#include <cstdint>
#include <string>

namespace mlir {
class Diagnostic;
}

namespace heed {

struct Error;

/// `heed: error: text`.
void reportError(const llvm::Twine &text);
/// The same; the exit code that follows from whose fault it is.
int reportError(const Error &error);
/// An MLIR diagnostic: `model.yaml:17:13: error: …` and its notes.
void reportDiagnostic(mlir::Diagnostic &diagnostic);

/// A line on the terminal that shows how far a long step is; silent where
/// stderr is none, and for the first second.
class Progress {
public:
  explicit Progress(std::string what);
  ~Progress();
  void update(int64_t done, int64_t total);

private:
  std::string what;
  bool terminal, shown = false;
  double started;
  int percent = -1;
};

/// Seconds since some fixed moment.
double now();

} // namespace heed
