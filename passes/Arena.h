//===- Arena.h - Places for buffers in one arena --------------------------===//
#pragma once

#include "ir/Attn.h"

namespace heed {

/// What lies in one place of the arena from op `start` to op `end` (both
/// included).
struct Buffer {
  /// The class: its dynamic axes, sorted by name. A buffer takes bytes * (the
  /// product of their sizes).
  attn::AxesAttr axes;
  /// A multiple of 64.
  int64_t bytes;
  unsigned start, end;
  /// In units of the same product; set by placeBuffers.
  int64_t offset = 0;
};

/// Bytes of each class, in order of appearance.
using ArenaSize = llvm::SmallVector<std::pair<attn::AxesAttr, int64_t>>;

/// The class and the bytes of a tensor alone, live nowhere.
Buffer bufferOf(mlir::RankedTensorType type);

/// Gives each buffer an offset within its class such that two buffers which
/// live at the same time never overlap. Each takes the smallest hole that holds
/// it, or else the end. Buffers come in order of `start`.
ArenaSize placeBuffers(llvm::MutableArrayRef<Buffer> buffers);

/// `bytes` of the class `axes`, 0 where it is absent.
int64_t &bytesOf(ArenaSize &size, attn::AxesAttr axes);

/// `9216 bytes a token, 196608 bytes an output`.
std::string describe(const ArenaSize &size);

} // namespace heed
