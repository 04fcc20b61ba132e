//===- MachineCommand.cpp - heed bench --machine --------------------------===//
#include "codegen/Target.h"
#include "runtime/bench/MachinePeak.h"
#include "runtime/step/CpuFeatures.h"
#include "tools/heed/Commands.h"
#include "tools/heed/Report.h"
#include "tools/heed/bench/RatesFile.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <nlohmann/json.hpp>

using llvm::format;

namespace heed {
namespace {

/// Bytes a second of memory, in units of 1e9.
struct MemoryRates {
  unsigned threads;
  double one = 0, all = 0, pieces = 0;
};

Result<MemoryRates> measureMemory() {
  MemoryRates rates{ThreadPool::defaultThreads()};
  Result<std::unique_ptr<ThreadPool>> pool = ThreadPool::create(rates.threads);
  if (!pool)
    return pool.error();
  std::vector<uint8_t> memory(256u << 20, 1);
  // A layer's weights are read in pieces, with a barrier behind each.
  constexpr size_t piece = 256 << 10;
  Bytes whole[] = {memory};
  std::vector<Bytes> pieces;
  for (size_t at = 0; at < memory.size(); at += piece)
    pieces.push_back(Bytes(memory).subspan(at, piece));
  rates.one = readRate(**pool, 1, whole) / 1e9;
  rates.all = readRate(**pool, rates.threads, whole) / 1e9;
  rates.pieces = readRate(**pool, rates.threads, pieces) / 1e9;
  return rates;
}

void print(const MachineRates &rates, const MemoryRates &memory) {
  llvm::raw_ostream &os = llvm::outs();
  os << "one thread               in registers   fed from L1\n";
  for (const MachineRates::Atom &atom : rates.atoms) {
    os << format("%-20s %8.0f GFLOP/s", atom.name.c_str(), atom.registers);
    if (atom.fed > 0)
      os << format(" %5.0f GFLOP/s", atom.fed);
    os << '\n';
  }
  for (const MachineRates::Vectors &of : rates.vectors)
    os << format("vectors of %2d lanes: loads from L1 %.0f GB/s; softmax of 16 "
                 "scores %.2f ns, %.2f ns of it in the way of multiply-adds\n",
                 of.lanes, of.loads, 16 / of.softmax, 16 / of.softmaxBeside);
  for (const MachineRates::Reads &of : rates.reads)
    os << format("reading %6lld KB again and again %7.1f GB/s\n",
                 static_cast<long long>(of.bytes / 1024), of.rate);
  os << format("memory, read     1 thread     %7.1f GB/s\n", memory.one)
     << format("memory, read     %u threads    %7.1f GB/s\n", memory.threads,
               memory.all)
     << format("  in pieces of 256 KB, meeting behind each %7.1f GB/s\n",
               memory.pieces)
     << "caches: L1 " << rates.l1 / 1024 << " KB, L2 " << rates.l2 / 1024
     << " KB\n";
}

} // namespace

int machineCommand(const Options &options) {
  mlir::MLIRContext context;
  context.loadDialect<attn::AttnDialect>();
  attn::TargetAttr target = hostTarget(&context);
  std::string name =
      target ? target.getName().getValue().str() : "none of heed's targets";
  MachineRates rates = measureMachine();
  std::string kept = ratesCachePath();
  if (Status written = cacheRates(rates); !written) {
    llvm::errs() << "heed: warning: the rates are not kept: "
                 << written.error().text << '\n';
    kept.clear();
  }
  Result<MemoryRates> memory = measureMemory();
  if (!memory)
    return reportError(memory.error());
  if (options.json) {
    nlohmann::json out = toJson(rates, cpuIdentity());
    out.update({{"target", name},
                {"threads", memory->threads},
                {"read_1_thread_gbs", memory->one},
                {"read_all_threads_gbs", memory->all},
                {"read_all_threads_pieces_gbs", memory->pieces}});
    llvm::outs() << out.dump(2) << '\n';
    return 0;
  }
  llvm::outs() << "code is generated for: " << name << '\n';
  print(rates, *memory);
  if (!kept.empty())
    llvm::outs() << "kept in " << kept << '\n';
  return 0;
}

} // namespace heed
