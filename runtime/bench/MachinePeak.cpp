//===- MachinePeak.cpp - What this machine can do, measured ---------------===//
#include "runtime/bench/MachinePeak.h"
#include "runtime/bench/UnitLoops.h"
#include "runtime/step/CpuFeatures.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>
#include <vector>

using namespace heed;

static double secondsNow() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// `blocks` times 256 bytes from `at`, at any alignment.
__attribute__((target("avx512f"))) static int readLoop512(const uint8_t *at,
                                                          size_t blocks) {
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  for (; blocks > 0; --blocks, at += 256) {
    // Far ahead: more lines in flight than loads alone keep.
    for (int j = 0; j < 4; ++j)
      __builtin_prefetch(at + 8192 + 64 * j);
    a = _mm512_xor_si512(a, _mm512_loadu_si512(at));
    b = _mm512_xor_si512(b, _mm512_loadu_si512(at + 64));
    c = _mm512_xor_si512(c, _mm512_loadu_si512(at + 128));
    d = _mm512_xor_si512(d, _mm512_loadu_si512(at + 192));
  }
  a = _mm512_xor_si512(_mm512_xor_si512(a, b), _mm512_xor_si512(c, d));
  return _mm_cvtsi128_si32(_mm512_castsi512_si128(a));
}

__attribute__((target("avx2"))) static int readLoop256(const uint8_t *at,
                                                       size_t blocks) {
  __m256i sums[8] = {};
  for (; blocks > 0; --blocks, at += 256)
#pragma clang loop unroll(full)
    for (int j = 0; j < 8; ++j)
      sums[j] = _mm256_xor_si256(
          sums[j],
          _mm256_loadu_si256(reinterpret_cast<const __m256i *>(at + 32 * j)));
  for (int j = 1; j < 8; ++j)
    sums[0] = _mm256_xor_si256(sums[0], sums[j]);
  return _mm_cvtsi128_si32(_mm256_castsi256_si128(sums[0]));
}

static int readLoop128(const uint8_t *at, size_t blocks) {
  __m128i sums[8] = {};
  for (; blocks > 0; --blocks, at += 256)
#pragma clang loop unroll(full)
    for (int j = 0; j < 16; ++j)
      sums[j % 8] = _mm_xor_si128(
          sums[j % 8],
          _mm_loadu_si128(reinterpret_cast<const __m128i *>(at + 16 * j)));
  for (int j = 1; j < 8; ++j)
    sums[0] = _mm_xor_si128(sums[0], sums[j]);
  return _mm_cvtsi128_si32(sums[0]);
}

namespace {
struct Reading {
  const char *name;
  int (*read)(const uint8_t *, size_t);
};
} // namespace

static const Reading &widest() {
  static constexpr Reading all[] = {
      {"AVX-512", readLoop512}, {"AVX2", readLoop256}, {"SSE2", readLoop128}};
  return all[cpuHas("avx512f") ? 0 : cpuHas("avx2") && cpuHas("fma") ? 1 : 2];
}

const char *heed::widestVectors() { return widest().name; }

/// Keeps a result from being optimised away.
static std::atomic<float> sink;

/// The time from when all threads are ready until the last is done.
template <typename Each>
static double timed(ThreadPool &pool, unsigned threads, Each each) {
  struct Shared {
    ThreadPool &pool;
    Each &each;
    double began = 0, ended = 0;
  } shared{pool, each};
  pool.run(
      [](void *context, unsigned thread, unsigned count) {
        auto &s = *static_cast<Shared *>(context);
        s.pool.barrier().wait();
        if (thread == 0)
          s.began = secondsNow();
        s.each(thread, count);
        s.pool.barrier().wait();
        if (thread == 0)
          s.ended = secondsNow();
      },
      &shared, threads);
  return shared.ended - shared.began;
}

// Each rate is the best of several short slices: on a machine that others use
// too, a long one would be interrupted.

double heed::fmaRate(ThreadPool &pool, unsigned threads) {
  const UnitLoop &loop = widestProducts();
  constexpr int64_t turns = 500'000; // 3 million cycles or more
  double best = 1e30;
  for (int slice = 0; slice < 8; ++slice)
    best = std::min(best, timed(pool, threads,
                                [&](unsigned, unsigned) { loop.run(turns); }));
  return loop.work * turns * threads / best;
}

void heed::readOnce(Bytes part) {
  // Asking the CPU takes microseconds in a virtual machine.
  static const Reading &reading = widest();
  int result = reading.read(part.data(), part.size() / 256);
  sink.store(static_cast<float>(result), std::memory_order_relaxed);
}

double heed::readRate(ThreadPool &pool, unsigned threads,
                      std::span<const Bytes> parts) {
  const Reading &reading = widest();
  size_t all = 0;
  for (Bytes part : parts)
    all += part.size() / 256;
  double best = 1e30, until = secondsNow() + 0.005;
  for (int pass = 0; pass < 4 || secondsNow() < until; ++pass)
    best = std::min(
        best, timed(pool, threads, [&](unsigned thread, unsigned count) {
          for (Bytes part : parts) {
            size_t blocks = part.size() / 256, first = blocks * thread / count;
            size_t last = blocks * (thread + 1) / count;
            int result = reading.read(part.data() + first * 256, last - first);
            sink.store(static_cast<float>(result), std::memory_order_relaxed);
            pool.barrier().wait();
          }
        }));
  return static_cast<double>(all * 256) / std::max(best, 1e-9);
}
