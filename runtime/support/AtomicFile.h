//===- AtomicFile.h - A file that appears whole or not at all -------------===//
#pragma once

#include "runtime/support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <sys/types.h>

namespace heed {

/// A file being written. The bytes go to a temporary file in the same folder,
/// which commit() renames to its name; without commit() the destructor removes
/// it and what stood under the name before stays as it was. A link is followed.
/// A name that stands for a device or a pipe (/dev/stdout, /dev/full) is
/// written directly.
///
/// Every error names the file; a full disk reads "no space left on DISK while
/// writing PATH (NN MB written)" and is a fault of the machine.
class AtomicFile {
public:
  /// `mode` is masked by the umask: 0777 for executables.
  static Result<AtomicFile> create(const std::string &path, mode_t mode = 0666);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&other) noexcept;
  ~AtomicFile();

  /// Writes straight through: large pieces are best.
  Status append(std::span<const uint8_t> bytes);
  /// Appends zeros up to a multiple of `alignment`.
  Status padTo(uint64_t alignment);
  /// Bytes written so far.
  uint64_t written() const { return count; }

  /// Where the bytes are until commit(): for a tool that must be given a name.
  const std::string &temporaryPath() const { return temporary; }

  /// Gives the file its name. Nothing may follow.
  Status commit();

private:
  AtomicFile(std::string path) : asked(std::move(path)) {}
  Error failed(int code) const;
  void abandon();

  std::string asked;     // as the user named it
  std::string target;    // links resolved
  std::string temporary; // empty when a device is written directly
  int descriptor = -1;
  uint64_t count = 0;
};

} // namespace heed
