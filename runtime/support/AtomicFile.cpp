//===- AtomicFile.cpp - A file that appears whole or not at all -----------===//
#include "runtime/support/AtomicFile.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace heed;

static std::string parentOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// The folder that the file system holding `path` is mounted at.
static std::string mountPointOf(const std::string &path) {
  char *resolved = ::realpath(path.c_str(), nullptr);
  std::string at = resolved ? resolved : path;
  std::free(resolved);
  struct stat here, above;
  if (::stat(at.c_str(), &here) != 0 || !S_ISDIR(here.st_mode))
    return at;
  while (at.size() > 1) {
    std::string parent = at.substr(0, std::max<size_t>(1, at.rfind('/')));
    if (::stat(parent.c_str(), &above) != 0 || above.st_dev != here.st_dev)
      break;
    at = parent;
  }
  return at;
}

Error AtomicFile::failed(int code) const {
  std::string progress = concat(" (", count / 1'000'000, " MB written)");
  if (code == ENOSPC || code == EDQUOT)
    return {concat(code == ENOSPC ? "no space left on "
                                  : "the disk quota is used up on ",
                   mountPointOf(temporary.empty() ? target : parentOf(target)),
                   " while writing ", asked, progress),
            Error::Machine};
  return {concat(asked, ": cannot be written: ", std::strerror(code), progress),
          Error::Machine};
}

Result<AtomicFile> AtomicFile::create(const std::string &path, mode_t mode) {
  if (path.empty())
    return Error{"the name of the file to write is empty"};
  if (path.find('\0') != std::string::npos)
    return Error{inQuotes(path) + ": a file's name cannot hold a zero byte"};
  AtomicFile file(path);
  file.target = path;
  if (char *resolved = ::realpath(path.c_str(), nullptr)) {
    file.target = resolved;
    std::free(resolved);
  }

  struct stat info;
  bool exists = ::stat(path.c_str(), &info) == 0;
  if ((exists && S_ISDIR(info.st_mode)) || path.ends_with('/'))
    return Error{path + ": cannot be written: is a directory"};
  if (exists && !S_ISREG(info.st_mode)) {
    // As named: a resolved /dev/stdout may be a pipe, which has no path.
    file.target = path;
    file.descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    // What stands there was made read-only on purpose.
    if (exists && ::access(path.c_str(), W_OK) != 0)
      return Error{concat(path, ": cannot be written: ", std::strerror(errno))};
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    for (int attempt = 0; attempt < 1000 && file.descriptor < 0; ++attempt) {
      file.temporary = concat(file.target, ".tmp",
                              static_cast<long>(::getpid()), "-", attempt);
      file.descriptor = ::open(file.temporary.c_str(), flags, mode);
      if (file.descriptor < 0 && errno != EEXIST)
        break;
    }
  }
  if (file.descriptor < 0) {
    int code = errno;
    file.temporary.clear();
    std::string folder = parentOf(file.target);
    if (::access(folder.c_str(), F_OK) != 0 && errno == ENOENT)
      return Error{concat(path, ": cannot be written: the folder ", folder,
                          " does not exist")};
    return Error{concat(path, ": cannot be written: ", std::strerror(code)),
                 code == ENOSPC ? Error::Machine : Error::Input};
  }
  return file;
}

Status AtomicFile::append(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    // Linux writes at most 2 GiB at once; smaller steps keep `count` telling.
    size_t step = std::min<size_t>(bytes.size(), size_t(1) << 26);
    ssize_t wrote = ::write(descriptor, bytes.data(), step);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return failed(wrote < 0 ? errno : EIO);
    count += static_cast<uint64_t>(wrote);
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  return {};
}

Status AtomicFile::padTo(uint64_t alignment) {
  static constexpr uint8_t zeros[4096] = {};
  uint64_t gap = (alignment - count % alignment) % alignment;
  while (gap > 0) {
    uint64_t step = std::min<uint64_t>(gap, sizeof zeros);
    if (Status done = append({zeros, static_cast<size_t>(step)}); !done)
      return done;
    gap -= step;
  }
  return {};
}

Status AtomicFile::commit() {
  // Some file systems report a full disk only here.
  if (::close(std::exchange(descriptor, -1)) != 0) {
    Error error = failed(errno);
    abandon();
    return error;
  }
  if (temporary.empty())
    return {};
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    Error error = failed(errno);
    abandon();
    return error;
  }
  temporary.clear();
  return {};
}

void AtomicFile::abandon() {
  if (descriptor >= 0)
    ::close(std::exchange(descriptor, -1));
  if (!temporary.empty())
    ::unlink(temporary.c_str());
  temporary.clear();
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : asked(std::move(other.asked)), target(std::move(other.target)),
      temporary(std::exchange(other.temporary, {})),
      descriptor(std::exchange(other.descriptor, -1)), count(other.count) {}

AtomicFile &AtomicFile::operator=(AtomicFile &&other) noexcept {
  std::swap(asked, other.asked);
  std::swap(target, other.target);
  std::swap(temporary, other.temporary);
  std::swap(descriptor, other.descriptor);
  std::swap(count, other.count);
  return *this;
}

AtomicFile::~AtomicFile() { abandon(); }
