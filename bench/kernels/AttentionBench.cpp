//===- AttentionBench.cpp - Attention kernels under Google Benchmark ------===//
//
// heed-kernel-bench [--benchmark_filter=REGEX]: for each case GFLOP/s counted
// on allowed pairs only (4 head operations each), the share of this CPU's
// measured peak, the error, and the seconds that compiling took. Kernels are
// compiled in memory, as the tests of tests/codegen/attention do.
//
//===----------------------------------------------------------------------===//
#include "runtime/bench/MachineRates.h"
#include "tests/codegen/attention/Rules.h"

#include <benchmark/benchmark.h>
#include <ctime>

using namespace heed::test;

namespace {
struct Row {
  std::string name;
  Shape shape;
  Rule rule;
  std::vector<Lengths> lengths;
  std::string schedule = "";
  bool dpbf16 = false;
};

std::vector<Row> makeRows() {
  std::vector<Row> rows;
  for (int64_t head : {64, 128}) {
    std::string d = " D=" + std::to_string(head);
    Shape one{Layout::HeadsMajor, 1, 1, head};
    std::vector<Lengths> two = {{2048, 2048}};
    rows.push_back({"full" + d, one, all(), two});
    rows.push_back({"causal" + d, one, causal(), two});
    rows.push_back({"window256" + d, one, window(256), two});
    rows.push_back({"documents512" + d, one, causalDocuments(512), two});
    rows.push_back({"softcap" + d, one, softcap(causal()), two});
    rows.push_back({"grouped" + d,
                    {Layout::RowsMajor, 9, 3, head},
                    causal(),
                    {{512, 512}}});
    rows.push_back(
        {"decode" + d, {Layout::Cached, 9, 3, head}, causal(), {{1, 0, 1023}}});
    rows.push_back({"verify8" + d,
                    {Layout::Cached, 9, 3, head},
                    causal(),
                    {{8, 0, 1023}}});
  }
  for (int64_t head : {32, 80, 96, 100, 112, 256})
    rows.push_back({"full D=" + std::to_string(head),
                    {Layout::HeadsMajor, 1, 1, head},
                    all(),
                    {{2048, 2048}}});
  size_t plain = rows.size();
  // Tensors of bf16 are multiplied as f32 where the machine has no atom for
  // them.
  for (auto [tensors, dpbf16] :
       {std::pair(false, true), std::pair(true, true), std::pair(true, false)})
    for (size_t i = 0; i < plain; ++i) {
      Row row = rows[i];
      if (tensors && row.shape.layout == Layout::Cached)
        continue;
      row.name = (tensors ? "bf16 " : "bf16 of f32 ") + row.name;
      row.shape.shortQueries = row.shape.shortKeys = tensors;
      row.dpbf16 = dpbf16;
      if (dpbf16)
        row.schedule = kBf16Schedule;
      rows.push_back(row);
    }
  return rows;
}

/// Seconds of this thread on a core: time that other processes take does not
/// count. Google Benchmark's own rates would read "of_peak=0.9/s".
double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// A row compiled for a machine, on its first turn: most are filtered out.
class Case {
public:
  Case(Row row, Machine machine, double peak)
      : row(std::move(row)), machine(std::move(machine)), peak(peak) {}

  void run(benchmark::State &state) {
    if (!kernel) {
      kernel.emplace(row.shape, row.rule, machine, row.schedule);
      problem.emplace(*kernel, row.lengths, 1, /*huge=*/false);
    }
    double began = now();
    for (auto turn : state)
      problem->run(1);
    double seconds = (now() - began) / double(state.iterations());
    double rate = 4.0 * row.shape.head * problem->allowedPairs() / seconds;
    state.counters["GFLOP/s"] = rate / 1e9;
    state.counters["of_peak"] = rate / peak;
    state.counters["error"] = problem->error(problem->run(1));
    state.counters["compile_s"] = kernel->compiled->compileSeconds;
  }

private:
  Row row;
  Machine machine;
  double peak; // operations a second
  std::optional<AttentionKernel> kernel;
  std::optional<AttentionProblem> problem;
};
} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 2;
  heed::MachineRates rates = heed::measureMachine();
  std::vector<Machine> all = machines();
  all.push_back(bf16Machine());
  for (const Machine &machine : all) {
    if (!machine.runsHere())
      continue;
    bool dpbf16 = machine.name == bf16Machine().name;
    const heed::MachineRates::Atom *atom =
        rates.atom(dpbf16 ? "dpbf16" : "fma_f32", int(machine.lanes));
    for (const Row &row : makeRows()) {
      if (row.dpbf16 != dpbf16)
        continue;
      auto work = std::make_shared<Case>(row, machine, atom->registers * 1e9);
      std::string name = "attention/" + row.name + "/" + machine.name;
      std::replace(name.begin(), name.end(), ' ', '/');
      benchmark::RegisterBenchmark(
          name.c_str(), [work](benchmark::State &state) { work->run(state); });
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}
