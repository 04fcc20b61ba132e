//===- ScoreSpace.cpp - Where scores lie, and the keys they belong to -----===//
#include "ir/Axes.h"
#include "tests/oracle/Attention.h"

using namespace heed::oracle;
using namespace heed::attn;
using namespace mlir;

ScoreSpace::ScoreSpace(const Tensor &scores, const Rows *rows)
    : queryAxis(rows ? StringRef(rows->axis) : StringRef(axis::Query)),
      rows(rows), axes(scores.axes), sizes(scores.sizes) {}

void ScoreSpace::each(llvm::function_ref<void(const ScoreAt &)> fn) const {
  (void)tryEach([&](const ScoreAt &at) {
    fn(at);
    return success();
  });
}

LogicalResult ScoreSpace::tryEach(
    llvm::function_ref<LogicalResult(const ScoreAt &)> fn) const {
  std::vector<int64_t> indices(axes.size());
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  for (int64_t flat = 0; flat < count; ++flat) {
    int64_t left = flat;
    for (size_t i = axes.size(); i-- > 0;) {
      indices[i] = left % sizes[i];
      left /= sizes[i];
    }
    ScoreAt at{flat, 0, 0, 0, 0, 0, indices};
    for (auto [name, size, index] : llvm::zip(axes, sizes, indices)) {
      if (name == axis::Key)
        at.kv = index;
      else if (name == queryAxis)
        at.row = index;
      else if (name == axis::Heads)
        at.h = index;
      else
        at.b = at.b * size + index;
    }
    at.q = at.row;
    if (rows) {
      at.q = rows->positions[at.row];
      at.b = rows->sequences[at.row];
    }
    if (failed(fn(at)))
      return failure();
  }
  return success();
}

std::vector<int64_t> ScoreSpace::stridesOf(const Tensor &other,
                                           StringRef sequenceAxis,
                                           StringRef as) const {
  std::vector<int64_t> strides;
  for (const std::string &name : axes) {
    bool isSequence = name == queryAxis || name == axis::Key;
    StringRef theirs = name == as ? sequenceAxis : StringRef(name);
    bool meets = name == as || !isSequence;
    strides.push_back(meets ? std::max<int64_t>(other.stride(theirs), 0) : 0);
  }
  return strides;
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

static const Cache *asCache(const Datum &datum) {
  auto held = std::get_if<std::shared_ptr<const Cache>>(&datum);
  return held ? held->get() : nullptr;
}
static const Tensor &asTensor(const Datum &datum) {
  return **std::get_if<std::shared_ptr<const Tensor>>(&datum);
}

/// Head h of the queries meets head h / group of the keys.
static int64_t groupOf(int64_t heads, int64_t kvHeads) {
  return std::max<int64_t>(heads / std::max<int64_t>(kvHeads, 1), 1);
}

Keys::Keys(const Datum &datum, bool wantsValues, const Rows *queryRows,
           const Rows *keyRows, StringRef axis, const ScoreSpace &scores,
           int64_t heads)
    : cache(asCache(datum)), rows(keyRows), sequenceAxis(axis) {
  if (cache) {
    vectors = wantsValues ? &cache->v : &cache->k;
    group = groupOf(heads, cache->kvHeads);
    kvHeadStride = cache->head;
    return;
  }
  tensor = &asTensor(datum);
  StringRef headsAxis =
      tensor->has(axis::KvHeads) ? axis::KvHeads : axis::Heads;
  headStride = tensor->stride(axis::Head);
  group = groupOf(heads, tensor->size(headsAxis));
  kvHeadStride = std::max<int64_t>(tensor->stride(headsAxis), 0);
  strides = scores.stridesOf(*tensor, axis, axis::Key);
  // Heads are found through their group.
  for (auto [name, stride] : llvm::zip(scores.axes, strides))
    if (name == axis::Heads)
      stride = 0;
}

int64_t Keys::count(const Datum &datum, const Rows *keyRows, StringRef axis) {
  int64_t most = 0;
  if (const Cache *cache = asCache(datum)) {
    for (const auto &sequence : cache->k)
      most = std::max<int64_t>(most, sequence.size());
  } else if (keyRows) {
    for (int64_t s = 0; s < keyRows->sequenceCount(); ++s)
      most = std::max(most, keyRows->end(s));
  } else {
    most = asTensor(datum).size(axis);
  }
  return most;
}

std::pair<const double *, int64_t> Keys::at(const ScoreAt &score) const {
  int64_t offset = score.h / group * kvHeadStride;
  if (cache) {
    const auto &sequence = (*vectors)[score.b];
    if (score.kv >= int64_t(sequence.size()))
      return {nullptr, 0};
    return {&sequence[score.kv][offset], 1};
  }
  if (rows) {
    std::optional<int64_t> row = rows->rowOf(score.b, score.kv);
    if (!row)
      return {nullptr, 0};
    offset += *row * tensor->stride(sequenceAxis);
  } else {
    for (auto [stride, index] : llvm::zip(strides, score.indices))
      offset += stride * index;
  }
  return {&tensor->values[offset], headStride};
}
