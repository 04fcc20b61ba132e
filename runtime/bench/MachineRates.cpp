//===- MachineRates.cpp - The rate table of a machine ---------------------===//
#include "runtime/bench/MachineRates.h"
#include "runtime/bench/MachinePeak.h"
#include "runtime/bench/UnitLoops.h"
#include "runtime/step/CpuFeatures.h"

#include <algorithm>
#include <chrono>
#include <unistd.h>

using namespace heed;

static double secondsOf(const UnitLoop &loop, int64_t turns) {
  auto began = std::chrono::steady_clock::now();
  loop.run(turns);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began)
      .count();
}

namespace {
/// A loop, and the best time of a turn that was seen.
struct Sample {
  const UnitLoop *loop;
  int64_t turns = 1;
  double best = 1e30;
};
} // namespace

static std::vector<Sample> measureLoops() {
  constexpr double slice = 0.7e-3;
  constexpr int rounds = 40;
  std::vector<Sample> samples;
  for (const UnitLoop &loop : unitLoops()) {
    bool tiles = loop.needs.starts_with("amx");
    if (!missingFeatures(loop.needs).empty() || (tiles && !askForTiles()))
      continue;
    Sample sample{&loop};
    while (secondsOf(loop, sample.turns) < slice)
      sample.turns *= 2;
    samples.push_back(sample);
  }
  for (int round = 0; round < rounds; ++round)
    for (Sample &sample : samples)
      sample.best =
          std::min(sample.best, secondsOf(*sample.loop, sample.turns) /
                                    static_cast<double>(sample.turns));
  return samples;
}

/// Of working sets from what L2 holds to what no cache does, in turns.
static std::vector<MachineRates::Reads> measureReads() {
  constexpr int64_t least = 128 << 10, most = 64 << 20;
  constexpr int rounds = 4;
  constexpr double slice = 2e-3;
  std::vector<uint8_t> memory(most, 1);
  std::vector<MachineRates::Reads> reads;
  for (int64_t bytes = least; bytes <= most; bytes *= 2)
    reads.push_back({bytes, 0});
  for (int round = 0; round < rounds; ++round)
    for (MachineRates::Reads &of : reads) {
      Bytes part = Bytes(memory).first(of.bytes);
      readOnce(part); // what the sets before left is gone
      for (double spent = 0; spent < slice;) {
        // A clock is read once for many passes over a small set.
        int64_t passes = std::max<int64_t>(1, (256 << 10) / of.bytes);
        auto began = std::chrono::steady_clock::now();
        for (int64_t pass = 0; pass < passes; ++pass)
          readOnce(part);
        double seconds = std::chrono::duration<double>(
                             std::chrono::steady_clock::now() - began)
                             .count();
        spent += seconds;
        of.rate = std::max(of.rate,
                           double(of.bytes) * double(passes) / seconds / 1e9);
      }
    }
  return reads;
}

double MachineRates::readRate(double bytes) const {
  double rate = 0;
  for (const Reads &of : reads)
    rate = double(of.bytes) <= bytes ? of.rate
           : rate > 0                ? std::max(rate, of.rate)
                                     : 0;
  return rate;
}

const MachineRates::Atom *MachineRates::atom(std::string_view kind,
                                             int lanes) const {
  for (const Atom &atom : atoms)
    if (atom.kind == kind && atom.lanes == lanes)
      return &atom;
  return nullptr;
}

const MachineRates::Vectors *MachineRates::vectorsOf(int lanes) const {
  for (const Vectors &of : vectors)
    if (of.lanes == lanes)
      return &of;
  return nullptr;
}

MachineRates heed::measureMachine() {
  std::vector<Sample> samples = measureLoops();
  auto find = [&](Unit unit, std::string_view kind,
                  int lanes) -> const Sample * {
    for (const Sample &sample : samples)
      if (sample.loop->unit == unit && sample.loop->kind == kind &&
          sample.loop->lanes == lanes)
        return &sample;
    return nullptr;
  };
  auto rate = [&](Unit unit, std::string_view kind, int lanes) {
    const Sample *sample = find(unit, kind, lanes);
    return sample ? sample->loop->work / sample->best / 1e9 : 0;
  };
  MachineRates rates;
  for (const Sample &sample : samples) {
    const UnitLoop &loop = *sample.loop;
    if (loop.unit == Unit::Products && !loop.kind.empty())
      rates.atoms.push_back({std::string(loop.kind), std::string(loop.name),
                             loop.lanes,
                             rate(Unit::Products, loop.kind, loop.lanes),
                             rate(Unit::FedProducts, loop.kind, loop.lanes)});
  }
  for (int lanes : {16, 8}) {
    const Sample *beside = find(Unit::SoftmaxBesideProducts, "", lanes);
    double products = rate(Unit::Products, "fma_f32", lanes);
    if (!beside || products <= 0)
      continue;
    // What the softmax adds to the time of the products alone; at least a
    // hundredth, for the difference of two measurements may be noise.
    double alone = beside->loop->products / products / 1e9;
    double added = std::max(beside->best - alone, beside->best / 100);
    rates.vectors.push_back({lanes, rate(Unit::Loads, "", lanes),
                             rate(Unit::Softmax, "", lanes),
                             beside->loop->work / added / 1e9});
  }
  rates.reads = measureReads();
  rates.l1 = std::max(sysconf(_SC_LEVEL1_DCACHE_SIZE), 0L);
  rates.l2 = std::max(sysconf(_SC_LEVEL2_CACHE_SIZE), 0L);
  return rates;
}
