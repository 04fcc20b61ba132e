//===- MappedFile.cpp - A file's bytes, mapped read-only ------------------===//
#include "runtime/formats/MappedFile.h"
#include "runtime/support/Text.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace heed;

Result<MappedFile> MappedFile::open(const std::string &path) {
  if (path.empty())
    return Error{"the file's name is empty"};
  if (path.find('\0') != std::string::npos)
    return Error{inQuotes(path) + ": a file's name cannot hold a zero byte"};
  auto failed = [&](const char *what) {
    int code = errno;
    if (code == ENOENT)
      return Error{path + ": no such file"};
    return Error{concat(path, ": ", what, ": ", std::strerror(code))};
  };

  // O_NONBLOCK: opening a pipe must fail below, not wait for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return failed("cannot be read");
  struct stat info;
  if (::fstat(descriptor, &info) != 0) {
    Error error = failed("cannot be examined");
    ::close(descriptor);
    return error;
  }
  const char *problem = S_ISDIR(info.st_mode)    ? "is a directory, not a file"
                        : !S_ISREG(info.st_mode) ? "is not a regular file"
                        : info.st_size == 0      ? "is empty"
                                                 : nullptr;
  if (problem) {
    ::close(descriptor);
    return Error{concat(path, ": ", problem)};
  }
  size_t size = static_cast<size_t>(info.st_size);
  void *at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (at == MAP_FAILED) {
    Error error = failed("cannot be mapped into memory");
    error.fault = Error::Machine;
    ::close(descriptor);
    return error;
  }
  ::close(descriptor);
  return MappedFile(path, Bytes(static_cast<const uint8_t *>(at), size));
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : name(std::move(other.name)), held(std::exchange(other.held, {})) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(name, other.name);
  std::swap(held, other.held);
  return *this;
}

MappedFile::~MappedFile() {
  if (!held.empty())
    ::munmap(const_cast<uint8_t *>(held.data()), held.size());
}
