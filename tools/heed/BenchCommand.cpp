//===- BenchCommand.cpp - heed bench --machine: what this machine can do --===//
#include "codegen/Target.h"
#include "runtime/bench/MachinePeak.h"
#include "tools/heed/AtomRates.h"
#include "tools/heed/Commands.h"
#include "tools/heed/Report.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace heed {

int benchCommand(const Options &options) {
  mlir::MLIRContext context;
  context.loadDialect<attn::AttnDialect>();
  attn::TargetAttr target = hostTarget(&context);
  std::string name = target ? target.getName().getValue().str() : "none of heed's targets";
  std::vector<AtomRate> atoms = measureAtoms();
  unsigned threads = ThreadPool::defaultThreads();
  Result<std::unique_ptr<ThreadPool>> started = ThreadPool::create(threads);
  if (!started)
    return reportError(started.error());
  ThreadPool &pool = **started;
  std::vector<uint8_t> memory(256u << 20, 1);
  // A layer's weights are read in pieces, with a barrier behind each.
  constexpr size_t piece = 256 << 10;
  Bytes whole[] = {memory};
  std::vector<Bytes> pieces;
  for (size_t at = 0; at < memory.size(); at += piece)
    pieces.push_back(Bytes(memory).subspan(at, piece));
  double one = 0, all = 0, inPieces = 0;
  for (int i = 0; i < 3; ++i) {
    one = std::max(one, readRate(pool, 1, whole));
    all = std::max(all, readRate(pool, threads, whole));
    inPieces = std::max(inPieces, readRate(pool, threads, pieces));
  }
  long l1 = sysconf(_SC_LEVEL1_DCACHE_SIZE), l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (options.json) {
    nlohmann::json out = {{"target", name}, {"threads", threads}, {"l1_bytes", l1}, {"l2_bytes", l2},
                          {"read_1_thread_gbs", one / 1e9}, {"read_all_threads_gbs", all / 1e9},
                          {"read_all_threads_pieces_gbs", inPieces / 1e9}};
    for (const AtomRate &atom : atoms)
      out["atoms"].push_back({{"name", atom.name}, {"needs", atom.needs}, {"gflops", atom.rate}});
    llvm::outs() << out.dump(2) << '\n';
    return 0;
  }
  llvm::outs() << "code is generated for: " << name << '\n';
  for (const AtomRate &atom : atoms)
    llvm::outs() << llvm::format("%-16s %-12s %7.0f GFLOP/s a thread\n", atom.name.c_str(), atom.needs.c_str(), atom.rate);
  llvm::outs() << llvm::format("memory, read     1 thread     %7.1f GB/s\n", one / 1e9);
  llvm::outs() << llvm::format("memory, read     %u threads    %7.1f GB/s\n", threads, all / 1e9);
  llvm::outs() << llvm::format("  in pieces of 256 KB, meeting behind each %7.1f GB/s\n", inPieces / 1e9);
  llvm::outs() << "caches: L1 " << l1 / 1024 << " KB, L2 " << l2 / 1024 << " KB\n";
  return 0;
}

} // namespace heed
