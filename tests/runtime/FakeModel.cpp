//===- FakeModel.cpp - Stands for generated code in the tests -------------===//
//
// One entry that plays five models; the first bytes of the weights say which.
// Each computes something whose right answer a test can write down, and uses
// arena, scratch, cache, barrier and threads as generated code does.
//
//===----------------------------------------------------------------------===//
#include "tests/runtime/FakeModel.h"
#include "runtime/model/Entry.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace {
template <typename T> T *data(void **args, int i) {
  return static_cast<T *>(static_cast<heed_memref *>(args[i])->aligned);
}
int64_t size(void **args, int i) {
  return static_cast<heed_memref *>(args[i])->size;
}
int64_t index(void **args, int i) { return *static_cast<int64_t *>(args[i]); }

/// axes: token, output, sequence, kv, capacity. arena: 4 * token.
/// logits[j] = 8 if j follows the row's token, plus (sum of the sequence's
/// tokens up to the row + j) mod 7 / 100. A leaky one looks one row too far, in
/// one with a prefix all rows see the first fakePrefix tokens.
void decoder(void **args, bool leaky, bool prefix) {
  const int64_t *sizes = data<int64_t>(args, 2);
  int64_t rows = sizes[0], wanted = sizes[1], sequences = sizes[2],
          capacity = sizes[4];
  int64_t thread = index(args, 4), threads = index(args, 5);
  const int32_t *tokens = data<int32_t>(args, 6);
  const int32_t *sequenceOf = data<int32_t>(args, 8);
  const int64_t *starts = data<int64_t>(args, 9);
  const int64_t *past = data<int64_t>(args, 10);
  const int64_t *slots = data<int64_t>(args, 11);
  const int32_t *wantedRows = data<int32_t>(args, 12);
  float *cache = data<float>(args, 13), *logits = data<float>(args, 14);
  float *sums = data<float>(args, 1);

  // K holds the tokens; V is left alone.
  for (int64_t s = thread; s < sequences; s += threads)
    for (int64_t row = starts[s]; row < starts[s + 1]; ++row)
      cache[slots[s] * 2 * capacity + past[s] + row - starts[s]] =
          static_cast<float>(tokens[row]);
  heed_barrier(data<void>(args, 3));
  for (int64_t row = thread; row < rows; row += threads) {
    int64_t s = sequenceOf[row];
    float sum = 0;
    int64_t seen = row + (leaky && row + 1 < starts[s + 1]);
    int64_t last = past[s] + seen - starts[s];
    int64_t held = past[s] + starts[s + 1] - starts[s];
    if (prefix)
      last = std::max(last, std::min<int64_t>(held, fakePrefix) - 1);
    for (int64_t p = 0; p <= last; ++p)
      sum += cache[slots[s] * 2 * capacity + p];
    sums[row] = sum;
  }
  heed_barrier(data<void>(args, 3));
  for (int64_t i = thread; i < wanted; i += threads) {
    int64_t row = wantedRows[i];
    for (int64_t j = 0; j < fakeVocabulary; ++j)
      logits[i * fakeVocabulary + j] = fakeLogit(
          tokens[row], static_cast<int64_t>(sums[row]), static_cast<int>(j));
  }
}

/// axes: token, sequence. embedding[s] = (sum of tokens, rows, sum of token *
/// position, sum of types), of length 1; last_hidden_state[row] = (token,
/// position).
void encoder(void **args) {
  int64_t sequences = data<int64_t>(args, 2)[1];
  int64_t thread = index(args, 4), threads = index(args, 5);
  const int32_t *tokens = data<int32_t>(args, 6);
  const int32_t *types = data<int32_t>(args, 7);
  const int32_t *positions = data<int32_t>(args, 8);
  const int64_t *starts = data<int64_t>(args, 10);
  float *embedding = data<float>(args, 13), *hidden = data<float>(args, 14);
  for (int64_t s = thread; s < sequences; s += threads) {
    float e[4] = {};
    for (int64_t row = starts[s]; row < starts[s + 1]; ++row) {
      e[0] += static_cast<float>(tokens[row]);
      e[1] += 1;
      e[2] += static_cast<float>(tokens[row] * positions[row]);
      e[3] += static_cast<float>(types[row]);
      hidden[2 * row] = static_cast<float>(tokens[row]);
      hidden[2 * row + 1] = static_cast<float>(positions[row]);
    }
    float norm =
        std::sqrt(e[0] * e[0] + e[1] * e[1] + e[2] * e[2] + e[3] * e[3]);
    for (int i = 0; i < 4; ++i)
      embedding[4 * s + i] = e[i] / norm;
  }
}

/// axes: n, m. out[i][j] = 2 a[i][j] + b[i]; picked[j] = index[j] + 1.
void tensors(void **args) {
  const int64_t *sizes = data<int64_t>(args, 2);
  int64_t thread = index(args, 4), threads = index(args, 5);
  const float *a = data<float>(args, 6), *b = data<float>(args, 7);
  const int32_t *picks = data<int32_t>(args, 8);
  float *out = data<float>(args, 9);
  int32_t *picked = data<int32_t>(args, 10);
  for (int64_t i = thread; i < sizes[0]; i += threads)
    for (int64_t j = 0; j < 3; ++j)
      out[3 * i + j] = 2 * a[3 * i + j] + b[i];
  heed_barrier(data<void>(args, 3));
  for (int64_t j = thread; j < sizes[1]; j += threads)
    picked[j] = picks[j] + 1;
}

[[maybe_unused]] void entry(void **args) {
  const char *tag = data<const char>(args, 0);
  if (size(args, 0) < 8)
    __builtin_trap();
  bool leaky = !std::memcmp(tag, "leakage", 8);
  bool prefix = !std::memcmp(tag, "prefix ", 8);
  if (leaky || prefix || !std::memcmp(tag, "decoder", 8))
    decoder(args, leaky, prefix);
  else if (!std::memcmp(tag, "encoder", 8))
    encoder(args);
  else
    tensors(args);
}
} // namespace

extern "C" const heed_variant heed_variants[] = {
    {"no CPU at all", "avx512f,no-such-feature", nullptr},
#ifndef HEED_FAKE_FUTURE
    {"x86-64", "sse2", entry},
#endif
    {nullptr, nullptr, nullptr},
};
