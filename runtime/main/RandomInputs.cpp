//===- RandomInputs.cpp - Something to run a model on ---------------------===//
#include "runtime/main/RandomInputs.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <bit>
#include <cstring>

using namespace heed;

uint64_t Random::next() {
  uint64_t bits = state += 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  return bits ^ bits >> 31;
}

float Random::normal() {
  // The sum of eight uniform numbers (Irwin-Hall): mean 4, variance 8 / 12.
  float sum = 0;
  for (int i = 0; i < 8; ++i)
    sum += static_cast<float>(next() >> 40) * 0x1p-24f;
  return (sum - 4) * 1.2247449f;
}

/// A random element at `to`.
static void fillOne(uint8_t *to, ElementType type, Random &random) {
  auto put = [&](auto value) { std::memcpy(to, &value, sizeof value); };
  switch (type) {
  case ElementType::F32:
    put(random.normal());
    break;
  case ElementType::F64:
    put(static_cast<double>(random.normal()));
    break;
  case ElementType::BF16:
    put(static_cast<uint16_t>(std::bit_cast<uint32_t>(random.normal()) >> 16));
    break;
  case ElementType::I32:
    put(static_cast<int32_t>(random.below(2)));
    break;
  case ElementType::I64:
    put(static_cast<int64_t>(random.below(2)));
    break;
  default: // bool
    put(uint8_t(1));
  }
}

static void fill(std::vector<uint8_t> &bytes, ElementType type,
                 Random &random) {
  for (size_t at = 0; at < bytes.size(); at += blockBytes(type))
    fillOne(bytes.data() + at, type, random);
}

Result<RandomInputs>
RandomInputs::create(const ModelInfo &info,
                     const std::map<std::string, int64_t> &sizes,
                     int64_t otherwise, uint64_t seed) {
  for (const auto &[name, size] : sizes)
    if (std::find(info.axes.begin(), info.axes.end(), name) ==
        info.axes.end()) {
      std::string known;
      for (const std::string &axis : info.axes)
        known += (known.empty() ? "" : ", ") + axis;
      return Error{concat("the model has no axis ", inQuotes(name),
                          " of open size",
                          known.empty() ? "" : "; it has " + known)};
    }
  RandomInputs inputs;
  Random random(seed);
  for (const ArgInfo &arg : info.args) {
    if (arg.kind != ArgKind::Input)
      continue;
    ElementType type = arg.type;
    if (type != ElementType::F32 && type != ElementType::F64 &&
        type != ElementType::BF16 && type != ElementType::I32 &&
        type != ElementType::I64 && type != ElementType::Bool)
      return Error{concat("input ", inQuotes(arg.name), " is of type ",
                          elementTypeName(type),
                          ", of which there are no random values")};
    std::vector<int64_t> &shape = inputs.shapes.emplace_back();
    for (const AxisInfo &axis : arg.axes) {
      auto given = sizes.find(axis.name);
      shape.push_back(axis.size >= 0         ? axis.size
                      : given != sizes.end() ? given->second
                                             : otherwise);
    }
    std::optional<uint64_t> count = elementCount(shape);
    if (!count || *count > uint64_t(1) << 32)
      return Error{concat("input ", inQuotes(arg.name), " of shape ",
                          shapeText(shape), " is too large")};
    fill(inputs.data.emplace_back(*count * blockBytes(type)), type, random);
  }
  size_t i = 0;
  for (const ArgInfo &arg : info.args)
    if (arg.kind == ArgKind::Input) {
      inputs.refs.push_back(
          {arg.name, arg.type, inputs.shapes[i], inputs.data[i].data()});
      ++i;
    }
  return inputs;
}

bool heed::isUpTo(int64_t t, const std::vector<std::string> &names,
                  const std::vector<AxisInfo> &axes,
                  std::span<const int64_t> shape, int64_t index) {
  for (size_t i = shape.size(); i-- > 0; index /= shape[i])
    if (index % shape[i] > t &&
        std::find(names.begin(), names.end(), axes[i].name) != names.end())
      return false;
  return true;
}

void RandomInputs::changeBehind(const ModelInfo &info,
                                const std::vector<std::string> &axes, int64_t t,
                                Random &random) {
  size_t i = 0;
  for (const ArgInfo &arg : info.args) {
    if (arg.kind != ArgKind::Input)
      continue;
    size_t bytes = blockBytes(arg.type);
    for (size_t at = 0; at < data[i].size() / bytes; ++at)
      if (!isUpTo(t, axes, arg.axes, shapes[i], static_cast<int64_t>(at)))
        fillOne(data[i].data() + at * bytes, arg.type, random);
    // A copy's references still lead to what it was copied from.
    refs[i].shape = shapes[i];
    refs[i].data = data[i].data();
    ++i;
  }
}

void StepRows::add(int32_t slot, std::span<const int32_t> ids,
                   int32_t position) {
  for (int32_t id : ids) {
    wanted.push_back(static_cast<int32_t>(wanted.size()));
    tokens.push_back(id);
    positions.push_back(position++);
    sequences.push_back(slot);
  }
}

std::vector<int32_t> heed::randomIds(Random &random, const ModelInfo &info,
                                     size_t count) {
  std::vector<int32_t> ids(count);
  for (int32_t &id : ids)
    id = static_cast<int32_t>(random.below(info.vocabulary));
  return ids;
}
