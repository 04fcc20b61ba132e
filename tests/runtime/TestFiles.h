//===- TestFiles.h - Files and damaged bytes for the tests of the readers -===//
#pragma once

#include "runtime/formats/MappedFile.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace heed::test {

inline Bytes asBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

/// Appends little-endian fields to a string.
class ByteWriter {
public:
  std::string bytes;

  template <typename T> ByteWriter &put(T value) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
    return *this;
  }
  ByteWriter &raw(std::string_view text) {
    bytes += text;
    return *this;
  }
  ByteWriter &pad(size_t alignment) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
};

/// A folder that goes away with the test.
class TempFolder {
public:
  TempFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "heedXXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    root = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(root); }

  std::string path(const std::string &name) const { return root / name; }
  std::string write(const std::string &name, std::string_view bytes) const {
    std::ofstream(root / name, std::ios::binary) << bytes;
    return path(name);
  }
  std::string read(const std::string &name) const {
    std::ifstream in(root / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(root))
      names.push_back(entry.path().filename());
    return names;
  }
  std::string path() const { return root; }

private:
  std::filesystem::path root;
};

/// A copy of bytes whose end is the end of a page with none behind it: a read
/// past the end stops the test, with or without a sanitizer.
class GuardedBytes {
public:
  explicit GuardedBytes(std::string_view text) : size(text.size()) {
    size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    room = (size + page - 1) / page * page + page;
    void *at = ::mmap(nullptr, room, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
    base = static_cast<uint8_t *>(at);
    REQUIRE(::mprotect(base + room - page, page, PROT_NONE) == 0);
    begin = base + room - page - size;
    std::memcpy(begin, text.data(), size);
  }
  GuardedBytes(const GuardedBytes &) = delete;
  ~GuardedBytes() { ::munmap(base, room); }

  Bytes bytes() const { return {begin, size}; }

private:
  uint8_t *base, *begin;
  size_t size, room;
};

/// Calls `read` on every proper prefix of `file`, and on `flips` copies with
/// one to four bytes changed (seeded). `read` must not crash.
inline void damage(std::string_view file, int flips,
                   const std::function<void(Bytes)> &read) {
  for (size_t length = 0; length < file.size(); ++length)
    read(GuardedBytes(file.substr(0, length)).bytes());
  std::mt19937 random(20261121);
  for (int round = 0; round < flips; ++round) {
    std::string copy(file);
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      // Small and huge values find other paths than random ones.
      uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff, uint8_t(random())};
      copy[random() % copy.size()] = static_cast<char>(values[random() % 6]);
    }
    read(GuardedBytes(copy).bytes());
  }
}

/// Touches every byte, so that a view that leaves its file is noticed.
inline uint64_t sum(Bytes bytes) {
  uint64_t total = 0;
  for (uint8_t byte : bytes)
    total += byte;
  return total;
}
inline uint64_t sum(std::string_view text) { return sum(asBytes(text)); }

} // namespace heed::test
