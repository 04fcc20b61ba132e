//===- AtomRates.cpp - The rates of this machine's atoms, measured --------===//
//
// Twelve independent chains hide the latency of one issue; the empty assembly keeps the compiler from folding them.
//
//===----------------------------------------------------------------------===//
#include "tools/heed/AtomRates.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>

namespace heed {
namespace {

constexpr int kChains = 12;
constexpr long kTurns = 400000;

template <typename Run> double best(double operationsOfIssue, Run run) {
  double rate = 0;
  for (int i = 0; i < 7; ++i) {
    auto start = std::chrono::steady_clock::now();
    run();
    std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    rate = std::max(rate, operationsOfIssue * kChains * kTurns / time.count() / 1e9);
  }
  return rate;
}

/// Repeats `issue` on twelve accumulators of type `Vector`.
#define HEED_CHAINS(Vector, zero, issue)                                                                               \
  Vector sums[kChains];                                                                                                \
  for (Vector & sum : sums)                                                                                            \
    sum = zero;                                                                                                        \
  for (long turn = 0; turn < kTurns; ++turn)                                                                           \
    for (Vector & sum : sums) {                                                                                        \
      issue;                                                                                                           \
      asm volatile("" : "+v"(sum));                                                                                    \
    }

__attribute__((target("avx2,fma"))) void fma8() {
  __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-7f);
  HEED_CHAINS(__m256, y, sum = _mm256_fmadd_ps(sum, x, y))
}
__attribute__((target("avx512f"))) void fma16() {
  __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(1e-7f);
  HEED_CHAINS(__m512, y, sum = _mm512_fmadd_ps(sum, x, y))
}
__attribute__((target("avx512f,avx512bf16"))) void dpbf16() {
  __m512bh x = (__m512bh)_mm512_set1_epi16(0x3f80), y = (__m512bh)_mm512_set1_epi16(0x3380);
  HEED_CHAINS(__m512, _mm512_setzero_ps(), sum = _mm512_dpbf16_ps(sum, x, y))
}
__attribute__((target("avx512f,avx512vnni"))) void dpbusd() {
  __m512i x = _mm512_set1_epi8(1), y = _mm512_set1_epi8(1);
  HEED_CHAINS(__m512i, _mm512_setzero_si512(), sum = _mm512_dpbusd_epi32(sum, x, y))
}

} // namespace

std::vector<AtomRate> measureAtoms() {
  __builtin_cpu_init();
  std::vector<AtomRate> rates;
  if (__builtin_cpu_supports("avx512f"))
    rates.push_back({"fma f32 1x16x1", "AVX-512F", best(32, fma16)});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    rates.push_back({"fma f32 1x8x1", "AVX2+FMA", best(16, fma8)});
  if (__builtin_cpu_supports("avx512bf16"))
    rates.push_back({"dpbf16 1x16x2", "AVX512_BF16", best(64, dpbf16)});
  if (__builtin_cpu_supports("avx512vnni"))
    rates.push_back({"dpbusd 1x16x4", "AVX512_VNNI", best(128, dpbusd)});
  return rates;
}

} // namespace heed
