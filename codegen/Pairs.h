//===- Pairs.h - Pairs of bf16 in vectors ---------------------------------===//
//
// A pair is two numbers that one issue of dpbf16 multiplies and adds: two
// features or two keys of a row, the first in the lower half of a 32-bit lane.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/VectorBuilder.h"

namespace heed {

/// Vectors of 2 lanes x bf16.
struct Pairs {
  const VectorBuilder &v;
  using Value = mlir::Value;

  mlir::VectorType type() const;
  /// Two f32 vectors, one behind the other, rounded to nearest even.
  Value join(Value first, Value second) const;
  /// Two f32 vectors as pairs of their elements, rounded likewise.
  Value of(Value first, Value second) const;
  Value ones() const;
  /// Two vectors of bf16, of any one length, as pairs of their elements.
  Value interleave(Value first, Value second) const;
  Value load(Value memref, mlir::ValueRange indices) const;
  void store(Value pairs, Value memref, mlir::ValueRange indices) const;
  /// The pair at `indices` in every lane.
  Value broadcast(Value memref, mlir::ValueRange indices) const;
  /// sum + x[0] y[0] + x[1] y[1] in each lane: f32.
  Value dot(Value sum, Value x, Value y) const;
};

} // namespace heed
