//===- Region.cpp - Memory straight from the kernel -----------------------===//
#include "runtime/step/Region.h"
#include "runtime/support/Text.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

using namespace heed;

static constexpr size_t largePage = size_t(2) << 20;

Region::~Region() {
  if (at)
    ::munmap(at, size);
}

Status Region::reserve(size_t bytes, const char *what) {
  if (bytes <= size)
    return {};
  if (at)
    ::munmap(at, size);
  at = nullptr;
  size = 0;
  size_t rounded = (bytes + 4095) / 4096 * 4096;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (kind == Sparse)
    flags |= MAP_NORESERVE;
  void *mapped = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapped == MAP_FAILED)
    return Error{concat("no memory for ", what, " (", bytes / 1'000'000,
                        " MB): ", std::strerror(errno)),
                 Error::Machine};
  // A sparse region touches a few bytes here and there; a large page for each
  // would be all of it.
  if (kind == Sparse)
    ::madvise(mapped, rounded, MADV_NOHUGEPAGE);
  else if (rounded >= largePage)
    ::madvise(mapped, rounded, MADV_HUGEPAGE);
  at = mapped;
  size = rounded;
  return {};
}
