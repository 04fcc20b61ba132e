//===- Checksum.h - 64 bits that change when the bytes do -----------------===//
//
// XXH64 with seed 0 (Yann Collet, "xxHash fast digest algorithm", version
// 0.1.1). It finds damage, not malice.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace heed {

/// The checksum of bytes that arrive in pieces of any size.
class Checksum {
public:
  void add(std::span<const uint8_t> bytes);
  /// Of everything added so far; more may follow.
  uint64_t value() const;

private:
  void addStripe(const uint8_t *at);

  uint64_t lanes[4] = {0x60ea27eeadc0b5d6, 0xc2b2ae3d27d4eb4f, 0,
                       0x61c8864e7a143579};
  uint64_t total = 0;
  uint8_t held[32]; // the last total % 32 bytes
};

inline uint64_t checksumOf(std::span<const uint8_t> bytes) {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.value();
}

} // namespace heed
