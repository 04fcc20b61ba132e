//===- Report.cpp - Errors, diagnostics and progress for the user ---------===//
#include "tools/heed/Report.h"

#include "runtime/support/Result.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <unistd.h>

namespace heed {

void reportError(const llvm::Twine &text) {
  llvm::errs() << "heed: error: " << text << '\n';
}

int reportError(const Error &error) {
  reportError(error.text);
  return error.fault == Error::Machine ? 3 : 1;
}

static void printLocation(mlir::Location location) {
  location->walk([](mlir::Location inner) {
    if (auto place = llvm::dyn_cast<mlir::FileLineColLoc>(inner)) {
      llvm::errs() << place.getFilename().getValue() << ':' << place.getLine()
                   << ':' << place.getColumn() << ": ";
      return mlir::WalkResult::interrupt();
    }
    return mlir::WalkResult::advance();
  });
}

void reportDiagnostic(mlir::Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark)
    return;
  printLocation(diagnostic.getLocation());
  llvm::errs() << (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error
                       ? "error: "
                       : "warning: ")
               << diagnostic.str() << '\n';
  for (mlir::Diagnostic &note : diagnostic.getNotes()) {
    printLocation(note.getLocation());
    llvm::errs() << "note: " << note.str() << '\n';
  }
}

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Progress::Progress(std::string what)
    : what(std::move(what)), terminal(isatty(2)), started(now()) {}

Progress::~Progress() {
  if (shown)
    llvm::errs() << "\r\033[K";
}

void Progress::update(int64_t done, int64_t total) {
  if (!terminal || total == 0 || now() - started < 1)
    return;
  int next = static_cast<int>(done * 100 / total);
  if (next == percent)
    return;
  percent = next;
  shown = true;
  llvm::errs() << '\r' << what << ' ' << percent << "% (" << (done >> 20)
               << " of " << (total >> 20) << " MB)\033[K";
}

} // namespace heed
