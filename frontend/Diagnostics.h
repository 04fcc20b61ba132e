//===- Diagnostics.h - All errors of a model file, shown with their lines -===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace heed {

/// A place in the model file: line and column from 1, columns in bytes. Line 0
/// is the file as a whole.
struct Place {
  unsigned line = 0, column = 0;
  auto operator<=>(const Place &) const = default;
};

/// Collects the errors of one model file. Nothing is printed before the end, so
/// that all of them come in one run and in the order of the file:
///   model.yaml:7:9: error: unknown key `mask_`; did you mean `mask`?
///           mask_: kv <= q
///           ^
class Diagnostics {
public:
  void setSource(llvm::StringRef path, llvm::StringRef text);
  llvm::StringRef path() const { return file; }

  void error(Place at, const llvm::Twine &text);
  bool any() const { return !errors.empty(); }
  size_t count() const { return errors.size(); }

  /// The place of byte `offset` of a scalar that starts at `at`, or `at` itself
  /// where the file spells the scalar otherwise (escapes, several lines).
  Place within(Place at, llvm::StringRef scalar, size_t offset) const;

  /// A block that is walked once a layer meets its errors again: while this is
  /// set, only the first error of a place is kept.
  void keepFirstOfPlace(bool on) { firstOfPlace = on; }
  bool keepsFirstOfPlace() const { return firstOfPlace; }

  void print(llvm::raw_ostream &os) const;
  std::string str() const;

private:
  struct Entry {
    Place at;
    std::string text;
  };
  llvm::StringRef lineAt(unsigned line) const;

  std::string file, source;
  std::vector<size_t> lineStarts;
  std::vector<Entry> errors;
  bool firstOfPlace = false;
};

/// "; did you mean `x`?" when a candidate is near, else nothing.
std::string didYouMean(llvm::StringRef wanted,
                       const std::vector<std::string> &candidates);

/// "`a`, `b` or `c`".
std::string orList(const std::vector<std::string> &names);

} // namespace heed
