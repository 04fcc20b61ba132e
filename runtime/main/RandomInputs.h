//===- RandomInputs.h - Something to run a model on -----------------------===//
#pragma once

#include "runtime/step/Session.h"

#include <map>

namespace heed {

/// Numbers that look random and are the same everywhere (SplitMix64).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next();
  /// In [0, limit).
  uint32_t below(uint32_t limit) {
    return static_cast<uint32_t>(next() % limit);
  }
  /// Near-normal, mean 0, variance 1.
  float normal();

private:
  uint64_t state;
};

/// Inputs for a model of plain tensors: floats near-normal, integers below 2,
/// bools true. Dynamic axes have the sizes of `sizes`, else `otherwise`.
class RandomInputs {
public:
  /// Errors: an axis that the model does not have, a type of no known numbers.
  static Result<RandomInputs>
  create(const ModelInfo &info, const std::map<std::string, int64_t> &sizes,
         int64_t otherwise, uint64_t seed);

  std::span<const TensorRef> tensors() const { return refs; }

  /// Other random values for every element that lies behind position `t` along
  /// one of the axes.
  void changeBehind(const ModelInfo &info, const std::vector<std::string> &axes,
                    int64_t t, Random &random);

private:
  std::vector<std::vector<int64_t>> shapes;
  std::vector<std::vector<uint8_t>> data;
  std::vector<TensorRef> refs;
};

/// Whether element `index` of a dense tensor lies at or before position `t`
/// along all of its axes that are named in `names`.
bool isUpTo(int64_t t, const std::vector<std::string> &names,
            const std::vector<AxisInfo> &axes, std::span<const int64_t> shape,
            int64_t index);

/// The rows of sequences for a step.
struct StepRows {
  std::vector<int32_t> tokens, positions, sequences, wanted;

  /// Adds `ids` of slot `slot` from `position` on, all of them wanted.
  void add(int32_t slot, std::span<const int32_t> ids, int32_t position = 0);
  StepInput input() const { return {tokens, positions, sequences, {}, wanted}; }
};

/// `count` ids that the model knows.
std::vector<int32_t> randomIds(Random &random, const ModelInfo &info,
                               size_t count);

} // namespace heed
