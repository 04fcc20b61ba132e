//===- MachineRates.h - The rate table of a machine -----------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed {

/// What one thread of a machine does at most. Names of CPUs lie in virtual
/// machines; these are measured.
struct MachineRates {
  /// Of an atom: operations a second, in units of 1e9.
  struct Atom {
    std::string kind; // "fma_f32", as in #attn.atom
    std::string name; // "fma f32 1x16x1"
    int lanes;        // of its vectors
    double registers; // on operands in registers
    double fed;       // in a register tile fed from L1; 0: not measured
  };
  std::vector<Atom> atoms;

  /// Of vectors of `lanes` f32.
  struct Vectors {
    int lanes;
    double loads;   // from L1, GB/s
    double softmax; // scores a second, in units of 1e9, with nothing beside
    double softmaxBeside; // the same, counting only the time that it takes from
                          // the multiply-adds which it runs beside: of what
                          // goes to their ports
  };
  std::vector<Vectors> vectors; // the widest first

  /// Of `bytes` that are read front to back, again and again: what the cache
  /// that they lie in gives, or memory.
  struct Reads {
    int64_t bytes;
    double rate; // GB/s
  };
  std::vector<Reads> reads; // the fewest bytes first; may be empty

  int64_t l1 = 0, l2 = 0; // bytes; 0: not known

  const Atom *atom(std::string_view kind, int lanes) const;
  const Vectors *vectorsOf(int lanes) const;
  /// GB/s at which so many bytes can be read: the best of the measured sizes
  /// from the largest that is not more on, so that it is rather too high. 0
  /// where all are more: L1 has its own rate.
  double readRate(double bytes) const;
};

/// Measures this machine on the calling thread, in about half a second: each
/// rate is the best of many short slices, all rates in turns, so that they meet
/// the same clock and the same neighbours. Bytes of the caches are those that
/// the system names.
MachineRates measureMachine();

} // namespace heed
