//===- Region.h - Memory straight from the kernel -------------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <cstddef>
#include <utility>

namespace heed {

/// Anonymous memory, page-aligned, zero at first, given back at the end. A page
/// counts only once it is written.
class Region {
public:
  enum Kind {
    Dense,  // used as a whole: large pages where the kernel has them
    Sparse, // addresses for the largest case, of which little may be used
  };

  explicit Region(Kind kind) : kind(kind) {}
  Region(Region &&other) noexcept
      : kind(other.kind), at(std::exchange(other.at, nullptr)),
        size(std::exchange(other.size, 0)) {}
  Region &operator=(Region &&) = delete;
  ~Region();

  /// Makes room for at least `bytes`; what was in it is lost if it must grow.
  /// Error, a fault of the machine: no memory; `what` names it.
  Status reserve(size_t bytes, const char *what);
  void *data() const { return at; }
  size_t bytes() const { return size; }

private:
  Kind kind;
  void *at = nullptr;
  size_t size = 0;
};

} // namespace heed
