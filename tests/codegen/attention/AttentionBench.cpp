//===- AttentionBench.cpp - The attention kernel's share of the FMA peak --===//
//
// heed-attention-bench [filter [schedule]]: for each case GFLOP/s counted on
// allowed pairs only (4 head flops each), the share of this CPU's measured FMA
// peak, the compile time and the error.
//
//===----------------------------------------------------------------------===//
#include "tests/codegen/attention/Rules.h"

#include <cstdio>
#include <ctime>
#include <immintrin.h>

using namespace heed::test;

namespace {
/// Seconds of this thread on a core: time that other processes take does not
/// count.
double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         1e-9 * static_cast<double>(time.tv_nsec);
}

/// Best of runs for about a third of a second: other work on the machine only
/// slows some of them.
double best(const std::function<void()> &body) {
  double fastest = 1e9, total = 0;
  for (int i = 0; total < 0.4 || i < 5; ++i) {
    double start = now();
    body();
    double time = now() - start;
    fastest = std::min(fastest, time);
    total += time;
  }
  return fastest;
}

__attribute__((target("avx512f"), noinline)) void fma512(float *out) {
  __m512 sums[24], x = _mm512_loadu_ps(out), y = _mm512_loadu_ps(out + 16);
  for (__m512 &sum : sums)
    sum = x;
  for (int i = 0; i < 100000; ++i)
#pragma clang loop unroll(full)
    for (int k = 0; k < 24; ++k) {
      sums[k] = _mm512_fmadd_ps(x, y, sums[k]);
      asm volatile("" : "+v"(sums[k]));
    }
  for (__m512 sum : sums)
    x = _mm512_add_ps(x, sum);
  _mm512_storeu_ps(out, x);
}
__attribute__((target("avx2,fma"), noinline)) void fma256(float *out) {
  __m256 sums[12], x = _mm256_loadu_ps(out), y = _mm256_loadu_ps(out + 16);
  for (__m256 &sum : sums)
    sum = x;
  for (int i = 0; i < 100000; ++i)
#pragma clang loop unroll(full)
    for (int k = 0; k < 12; ++k) {
      sums[k] = _mm256_fmadd_ps(x, y, sums[k]);
      asm volatile("" : "+x"(sums[k]));
    }
  for (__m256 sum : sums)
    x = _mm256_add_ps(x, sum);
  _mm256_storeu_ps(out, x);
}

__attribute__((target("avx512f,avx512bf16"), noinline)) void
dot512(float *out) {
  __m512 sums[24], zero = _mm512_setzero_ps();
  auto x = (__m512bh)_mm512_loadu_ps(out), y = (__m512bh)_mm512_loadu_ps(out);
  for (__m512 &sum : sums)
    sum = zero;
  for (int i = 0; i < 100000; ++i)
#pragma clang loop unroll(full)
    for (int k = 0; k < 24; ++k) {
      sums[k] = _mm512_dpbf16_ps(sums[k], x, y);
      asm volatile("" : "+v"(sums[k]));
    }
  for (__m512 sum : sums)
    zero = _mm512_add_ps(zero, sum);
  _mm512_storeu_ps(out, zero);
}

/// GFLOP/s of the atom in registers.
double peak(const Machine &machine, bool bf16) {
  float data[32] = {};
  if (bf16)
    return 4 * 16 * 24 * 100000 / best([&] { dot512(data); }) / 1e9;
  if (machine.lanes == 16)
    return 2 * 16 * 24 * 100000 / best([&] { fma512(data); }) / 1e9;
  return 2 * 8 * 12 * 100000 / best([&] { fma256(data); }) / 1e9;
}

struct Row {
  std::string name;
  Shape shape;
  Rule rule;
  std::vector<Lengths> lengths;
  std::string schedule;
  bool bf16 = false;
};
} // namespace

int main(int argc, char **argv) {
  std::string filter = argc > 1 ? argv[1] : "",
              schedule = argc > 2 ? argv[2] : "";
  std::vector<Row> rows;
  for (int64_t head : {64, 128}) {
    std::string d = " D=" + std::to_string(head);
    Shape one{Layout::HeadsMajor, 1, 1, head};
    std::vector<Lengths> two = {{2048, 2048}};
    rows.push_back({"full" + d, one, all(), two, schedule});
    rows.push_back({"causal" + d, one, causal(), two, schedule});
    rows.push_back({"window256" + d, one, window(256), two, schedule});
    rows.push_back(
        {"documents512" + d, one, causalDocuments(512), two, schedule});
    rows.push_back({"softcap" + d, one, softcap(causal()), two, schedule});
    rows.push_back({"grouped" + d,
                    {Layout::RowsMajor, 9, 3, head},
                    causal(),
                    {{512, 512}},
                    schedule});
    rows.push_back({"decode" + d,
                    {Layout::Cached, 9, 3, head},
                    causal(),
                    {{1, 0, 1023}},
                    schedule});
    rows.push_back({"verify8" + d,
                    {Layout::Cached, 9, 3, head},
                    causal(),
                    {{8, 0, 1023}},
                    schedule});
  }
  for (int64_t head : {32, 80, 96, 100, 112, 256})
    rows.push_back({"full D=" + std::to_string(head),
                    {Layout::HeadsMajor, 1, 1, head},
                    all(),
                    {{2048, 2048}},
                    schedule});
  size_t plain = rows.size();
  for (bool tensors : {false, true})
    for (size_t i = 0; i < plain; ++i) {
      Row row = rows[i];
      if (tensors && row.shape.layout == Layout::Cached)
        continue;
      row.name = (tensors ? "bf16 " : "bf16 of f32 ") + row.name;
      row.shape.bf16 = tensors;
      row.bf16 = true;
      if (row.schedule.empty())
        row.schedule = kBf16Schedule;
      rows.push_back(row);
    }
  std::vector<Machine> all = machines();
  all.push_back(bf16Machine());
  for (const Machine &machine : all) {
    if (!machine.runsHere())
      continue;
    bool bf16 = machine.name == bf16Machine().name;
    double limit = peak(machine, bf16);
    std::printf("%s: peak %.0f GFLOP/s\n", machine.name, limit);
    for (const Row &row : rows) {
      if (row.bf16 != bf16 ||
          (row.name + " " + machine.name).find(filter) == std::string::npos)
        continue;
      AttentionKernel kernel(row.shape, row.rule, machine, row.schedule);
      AttentionProblem problem(kernel, row.lengths, 1, /*huge=*/false);
      double time = best([&] { problem.run(1); });
      double flops = 4.0 * row.shape.head * problem.allowedPairs();
      std::printf("  %-18s %7.1f GFLOP/s  %5.1f %%  %9.1f us  error %.1e  "
                  "compiled in %.2f s\n",
                  row.name.c_str(), flops / time / 1e9,
                  100 * flops / time / 1e9 / limit, time * 1e6,
                  problem.error(problem.run(1)),
                  kernel.compiled->compileSeconds);
      std::fflush(stdout);
    }
  }
}
