//===- MachinePeak.h - What this machine can do, measured -----------------===//
//
// Figures are given as ratios to these, taken in the same run with the same
// threads: names and data sheets say little about a virtual machine.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/formats/MappedFile.h"
#include "runtime/step/ThreadPool.h"

namespace heed {

/// Floating-point operations a second of f32 multiply-adds in registers, with
/// the widest vectors that this CPU has, on `threads` threads of the pool
/// together. Takes some ten milliseconds; take the best of several.
double fmaRate(ThreadPool &pool, unsigned threads);

/// Bytes a second of reading `parts` one after the other, front to back, each
/// thread a share of its own of each and all meeting behind it, as the kernels
/// of a model do: the best of at least four passes.
double readRate(ThreadPool &pool, unsigned threads,
                std::span<const Bytes> parts);

/// Reads `part` once on the calling thread, front to back.
void readOnce(Bytes part);

/// "AVX-512", "AVX2", "SSE2": what these measure with.
const char *widestVectors();

} // namespace heed
