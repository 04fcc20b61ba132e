/*===- Entry.h - What generated code and the runtime say to each other ---===//
 *
 * One call of the model is one call of its entry by every thread of the pool
 * (SPMD): each thread computes its share of every kernel and meets the others
 * at heed_barrier between kernels. Results do not depend on the number of
 * threads.
 *
 *===--------------------------------------------------------------------===*/
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A one-dimensional memref as MLIR's C interface passes it; offset is 0 and
/// stride 1. Sizes count elements.
typedef struct heed_memref {
  void *allocated, *aligned;
  int64_t offset, size, stride;
} heed_memref;

/// The generated entry. args[i] points to a heed_memref or, for indices, to an
/// int64_t:
///   0  weights   i8    the packed weights, mapped, 64-byte aligned
///   1  arena     i8    `scratch` bytes for each thread, then ModelInfo's arena
///                      classes for the sizes of this call
///   2  sizes     i64   the sizes of ModelInfo::axes, in that order
///   3  sync      i8    handed on to heed_barrier
///   4  thread    index this thread, from 0
///   5  threads   index how many threads run this call
///   6… ModelInfo::args in order, each taking the slots that its kind says (see
///      ArgKind)
typedef void (*heed_entry)(void **args);

/// One variant of the code, for CPUs that have `features` (LLVM names joined by
/// commas, "avx512f,avx512bw").
typedef struct heed_variant {
  const char *target;
  const char *features;
  heed_entry entry;
} heed_variant;

/// All variants of this executable, best first, ended by a null target.
/// Generated.
extern const heed_variant heed_variants[];

/// Generated code waits here for all threads of the call. `sync` is args[3]'s
/// data.
void heed_barrier(void *sync);

#ifdef __cplusplus
}
#endif
