//===- RandomWeights.h - Weights that exist without a file ----------------===//
//
// The source "random:SEED:NAME" stands for a weight in which every element
// follows from the seed, the name and the flat index, so that the packer and
// the oracle agree without a file between them.
//
// Source: splitmix64 (Steele, Lea, Flood 2014); FNV-1a for names.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

namespace heed {

/// One weight: f32 elements, row-major.
///   two or more sizes  uniform in [-a, a], a = sqrt(3 / last size): a linear
///                      [out, in] keeps the variance of what goes through it
///   one size           uniform in [0.5, 1.5]: fit for a norm's weight
class RandomWeight {
public:
  RandomWeight(uint64_t seed, std::string_view name,
               std::span<const int64_t> shape)
      : state(mix(seed)) {
    uint64_t hash = 0xcbf29ce484222325;
    for (char c : name)
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    state ^= mix(hash);
    bool isVector = shape.size() < 2;
    middle = isVector ? 1.0 : 0.0;
    reach = isVector ? 0.5 : std::sqrt(3.0 / double(shape.back()));
  }

  float operator[](uint64_t index) const {
    // 53 bits make [0, 1).
    double unit =
        double(mix(state + index * 0x9e3779b97f4a7c15) >> 11) * 0x1p-53;
    return float(middle + reach * (2.0 * unit - 1.0));
  }

private:
  static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  uint64_t state;
  double middle, reach;
};

} // namespace heed
