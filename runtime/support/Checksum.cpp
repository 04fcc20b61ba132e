//===- Checksum.cpp - 64 bits that change when the bytes do ---------------===//
#include "runtime/support/Checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>

using namespace heed;

static constexpr uint64_t prime1 = 0x9e3779b185ebca87;
static constexpr uint64_t prime2 = 0xc2b2ae3d27d4eb4f;
static constexpr uint64_t prime3 = 0x165667b19e3779f9;
static constexpr uint64_t prime4 = 0x85ebca77c2b2ae63;
static constexpr uint64_t prime5 = 0x27d4eb2f165667c5;

template <typename T> static T load(const uint8_t *at) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

static uint64_t mix(uint64_t lane, uint64_t word) {
  return std::rotl(lane + word * prime2, 31) * prime1;
}

void Checksum::addStripe(const uint8_t *at) {
  for (int i = 0; i < 4; ++i)
    lanes[i] = mix(lanes[i], load<uint64_t>(at + 8 * i));
}

void Checksum::add(std::span<const uint8_t> bytes) {
  size_t waiting = total % sizeof held;
  total += bytes.size();
  if (waiting) {
    size_t taken = std::min(bytes.size(), sizeof held - waiting);
    std::memcpy(held + waiting, bytes.data(), taken);
    bytes = bytes.subspan(taken);
    if (waiting + taken < sizeof held)
      return;
    addStripe(held);
  }
  const uint8_t *at = bytes.data(), *end = at + bytes.size() / 32 * 32;
  for (; at != end; at += 32)
    addStripe(at);
  if (bytes.size() % 32)
    std::memcpy(held, end, bytes.size() % 32);
}

uint64_t Checksum::value() const {
  uint64_t hash = prime5;
  if (total >= sizeof held) {
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) +
           std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes)
      hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  }
  hash += total;
  const uint8_t *at = held, *end = held + total % sizeof held;
  for (; end - at >= 8; at += 8)
    hash = std::rotl(hash ^ mix(0, load<uint64_t>(at)), 27) * prime1 + prime4;
  if (end - at >= 4) {
    hash = std::rotl(hash ^ load<uint32_t>(at) * prime1, 23) * prime2 + prime3;
    at += 4;
  }
  for (; at != end; ++at)
    hash = std::rotl(hash ^ *at * prime5, 11) * prime1;
  hash = (hash ^ hash >> 33) * prime2;
  hash = (hash ^ hash >> 29) * prime3;
  return hash ^ hash >> 32;
}
