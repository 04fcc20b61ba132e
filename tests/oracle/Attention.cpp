//===- Attention.cpp - Attention in f64, step by step ---------------------===//
#include "tests/oracle/Attention.h"
#include "ir/Axes.h"
#include "tests/oracle/MaskAt.h"

#include <cmath>

using namespace heed::oracle;
using namespace heed::attn;
using namespace mlir;

Tensor heed::oracle::scoresOf(const Tensor &q, const Datum &k,
                              const Rows *queryRows, const Rows *keyRows,
                              double scale, StringRef queryAxis,
                              StringRef keyAxis,
                              std::vector<std::string> axes) {
  std::vector<int64_t> sizes;
  StringRef ours =
      queryRows ? StringRef(queryRows->axis) : StringRef(axis::Query);
  for (const std::string &name : axes)
    sizes.push_back(name == axis::Key
                        ? Keys::count(k, keyRows, keyAxis)
                        : q.size(name == ours ? queryAxis : StringRef(name)));
  Tensor scores(std::move(axes), std::move(sizes));
  ScoreSpace space(scores, queryRows);
  std::vector<int64_t> strides = space.stridesOf(q, queryAxis, ours);
  Keys keys(k, /*wantsValues=*/false, queryRows, keyRows, keyAxis, space,
            q.size(axis::Heads));
  int64_t head = q.size(axis::Head), headStride = q.stride(axis::Head);
  if (queryRows)
    scores.absent.assign(scores.count(), false);
  space.each([&](const ScoreAt &at) {
    auto [key, stride] = keys.at(at);
    if (!key) {
      scores.absent[at.flat] = true;
      return;
    }
    int64_t offset = 0;
    for (auto [stride, index] : llvm::zip(strides, at.indices))
      offset += stride * index;
    double dot = 0;
    for (int64_t d = 0; d < head; ++d)
      dot += q.values[offset + d * headStride] * key[d * stride];
    scores.values[at.flat] = scale * dot;
  });
  return scores;
}

FailureOr<Tensor> heed::oracle::mapScores(Tensor scores, const Rows *rows,
                                          Block &rule, State &state) {
  ScoreSpace space(scores, rows);
  LogicalResult done = space.tryEach([&](const ScoreAt &at) -> LogicalResult {
    if (!scores.exists(at.flat))
      return success();
    Datum arguments[] = {scores.values[at.flat], at.q, at.kv, at.h, at.b};
    for (auto [argument, value] : llvm::zip(rule.getArguments(), arguments))
      state.set(argument, value);
    if (failed(evaluateBlock(rule, state)))
      return failure();
    scores.values[at.flat] = state.real(rule.getTerminator()->getOperand(0));
    return success();
  });
  if (failed(done))
    return failure();
  return scores;
}

FailureOr<Tensor> heed::oracle::maskScores(Tensor scores,
                                           const MaskContext &context,
                                           const Surroundings &around) {
  ScoreSpace space(scores, context.rows);
  MaskAt mask(context, space, around);
  if (scores.absent.empty())
    scores.absent.assign(scores.count(), false);
  LogicalResult done = space.tryEach([&](const ScoreAt &at) -> LogicalResult {
    if (scores.absent[at.flat])
      return success();
    FailureOr<bool> allowed = mask.allows(at);
    if (failed(allowed))
      return failure();
    if (around.additiveMask)
      scores.values[at.flat] =
          around.additiveMask->apply(scores.values[at.flat], *allowed);
    else
      scores.absent[at.flat] = !*allowed;
    return success();
  });
  if (failed(done))
    return failure();
  return scores;
}

Tensor heed::oracle::softmaxOf(Tensor scores, const Weight *sinks) {
  Weight::Values logits = sinks ? sinks->values() : nullptr;
  int64_t keys = scores.size(axis::Key), stride = scores.stride(axis::Key);
  int64_t headsStride = scores.stride(axis::Heads),
          heads = scores.size(axis::Heads);
  for (int64_t start = 0; start < scores.count(); ++start) {
    if (start / stride % keys)
      continue; // not the first key of its row
    auto eachKey = [&](auto fn) {
      for (int64_t kv = 0; kv < keys; ++kv)
        if (int64_t i = start + kv * stride; scores.exists(i))
          fn(scores.values[i]);
    };
    double sink =
        logits ? (*logits)[headsStride < 0 ? 0 : start / headsStride % heads]
               : -INFINITY;
    double most = sink, sum = 0;
    eachKey([&](double s) { most = std::max(most, s); });
    eachKey([&](double &s) { sum += s = std::exp(s - most); });
    if (logits)
      sum += std::exp(sink - most);
    eachKey([&](double &s) { s /= sum; });
  }
  for (int64_t i = 0; i < scores.count(); ++i)
    if (!scores.exists(i))
      scores.values[i] = 0;
  scores.absent.clear();
  return scores;
}

Tensor heed::oracle::combine(const Tensor &p, const Datum &v,
                             const Rows *queryRows, const Rows *keyRows,
                             StringRef queryAxis, StringRef keyAxis,
                             std::vector<std::string> axes) {
  ScoreSpace space(p, queryRows);
  Keys keys(v, /*wantsValues=*/true, queryRows, keyRows, keyAxis, space,
            p.size(axis::Heads));
  auto cache = std::get_if<std::shared_ptr<const Cache>>(&v);
  int64_t head =
      cache
          ? (*cache)->head
          : (*std::get_if<std::shared_ptr<const Tensor>>(&v))->size(axis::Head);
  std::vector<int64_t> sizes;
  for (const std::string &name : axes)
    sizes.push_back(name == axis::Head  ? head
                    : name == queryAxis ? p.size(space.queryAxis)
                                        : p.size(name));
  Tensor out(std::move(axes), std::move(sizes));
  std::vector<int64_t> strides =
      space.stridesOf(out, queryAxis, space.queryAxis);
  int64_t headStride = out.stride(axis::Head);
  space.each([&](const ScoreAt &at) {
    auto [value, stride] = keys.at(at);
    if (!value || p.values[at.flat] == 0)
      return;
    int64_t offset = 0;
    for (auto [step, index] : llvm::zip(strides, at.indices))
      offset += step * index;
    for (int64_t d = 0; d < head; ++d)
      out.values[offset + d * headStride] +=
          p.values[at.flat] * value[d * stride];
  });
  return out;
}
