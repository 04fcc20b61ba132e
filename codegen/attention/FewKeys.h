//===- FewKeys.h - Rows of few keys, whose roundings show -----------------===//
//
// Over many keys the roundings of queries and keys to bf16 cancel; in a row of
// two they are a hundredth of its output. Such rows are known once the mask of
// a block is: keys that it left are counted.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/TileLowering.h"

namespace heed::attn {

struct FewKeys {
  /// Rows that see so many keys have errors of 4e-3 at most (docs/numerics.md).
  static constexpr int64_t kEnough = 96;

  TileCode c;
  mlir::Value seen; // [rows] of f32: keys up to here

  /// No row has seen a key.
  void start() const;
  /// Counts the keys of a block's scores that are not -infinity; true where a
  /// row has some, and few up to here.
  mlir::Value inBlock(mlir::Value scores, mlir::Value count) const;
};

} // namespace heed::attn
