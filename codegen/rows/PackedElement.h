//===- PackedElement.h - Rows of a packed table ---------------------------===//
#pragma once

#include "codegen/Emit.h"

namespace heed {

/// Reads a packed two-size weight row by row (an embedding's gather); scalar
/// code, for tables that are read rarely.
class PackedElement {
public:
  PackedElement(Emit &e, attn::WeightAtOp weight) : e(e), weight(weight) {}

  /// Stores row `number` as f32 to memory[0..in).
  void row(mlir::Value number, mlir::Value memory);

private:
  mlir::Value byteAt(mlir::Value at);
  mlir::Value halfAt(mlir::Value at);

  Emit &e;
  attn::WeightAtOp weight;
};

} // namespace heed
