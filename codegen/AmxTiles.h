//===- AmxTiles.h - Short words for the tiles of AMX ----------------------===//
//
// A tile is 16 rows of 64 bytes. The product of bf16 is, for 16 rows of A, 32
// deep, and 16 columns of B,
//
//   c[i, j] += sum over k < 32 of a[i, k] b[k / 2, 2 j + k % 2]
//
// so that B is in pairs of k, as dpbf16 wants it (Pairs.h). The product of
// bytes, unsigned in A and signed in B, is the same in groups of four; where a
// block of weights ends after 32 of k, it uses half of the depth: 32 bytes of
// A's rows, 8 rows of B.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"

namespace heed {

struct AmxTiles {
  mlir::OpBuilder &b;
  mlir::Location loc;
  using Value = mlir::Value;

  /// Rows of a tile, and columns of 4 bytes.
  static constexpr int64_t kSide = 16;
  /// bf16 of a row: the depth of one product.
  static constexpr int64_t kDepth = 32;

  /// Bytes of a row of A, and rows of B, in a product of bytes.
  static constexpr int64_t kBytes = 32, kByteRows = kBytes / 4;

  Value zero() const;
  /// Rows lie `rowBytes` apart from byte `at` of a memref's memory.
  Value load(Value memref, Value at, Value rowBytes) const;
  /// Operands of products of bytes: A of 16 rows of 32, B of 8 rows of 64.
  Value loadLeftBytes(Value memref, Value at, Value rowBytes) const;
  Value loadRightBytes(Value memref, Value at) const;
  void store(Value tile, Value memref, Value at, Value rowBytes) const;
  /// c + a b, of bf16 or f16, in f32.
  Value dotBf16(Value c, Value a, Value b) const;
  Value dotF16(Value c, Value a, Value b) const;
  /// c + a b, of unsigned by signed bytes, in i32.
  Value dotBytes(Value c, Value a, Value b) const;

private:
  Value load(int64_t rows, int64_t bytes, Value memref, Value at,
             Value rowBytes) const;
  Value pointer(Value memref, Value at) const;
  Value number(int64_t value) const;
  Value asI64(Value index) const;
};

} // namespace heed
