//===- WeightCodec.h - Packed weights become f32 vectors in registers -----===//
#pragma once

#include "codegen/Emit.h"
#include "codegen/pack/PackedLayout.h"

namespace heed {

/// Emits code that reads groups of a packed panel (PackedLayout.h) of one storage type.
class WeightCodec {
public:
  WeightCodec(Emit &e, attn::WeightElement element, attn::TargetAttr target);

  PackedGroup group() const { return layout; }
  /// True when memory holds the f32 vectors themselves.
  bool isPlain() const { return element == attn::WeightElement::F32; }
  /// True when dot() wants the sums of x over each group.
  bool wantsGroupSums() const { return element == attn::WeightElement::Q4_1 || element == attn::WeightElement::Q4_0; }

  /// The group at byte `at` of `bytes`: group().depth vectors, w[k, 0..16).
  llvm::SmallVector<mlir::Value> decode(mlir::Value bytes, mlir::Value at);

  /// sums + w[k0.., 0..16) x[k0..] over a group; `x` are group().depth broadcast vectors, `xSum` the broadcast of their sum.
  mlir::Value dot(mlir::Value bytes, mlir::Value at, llvm::ArrayRef<mlir::Value> x, mlir::Value xSum, mlir::Value sums);

private:
  /// The 32 unscaled integers of a quantised group as f32.
  llvm::SmallVector<mlir::Value> integers(mlir::Value bytes, mlir::Value at);
  mlir::Value halves(mlir::Value bytes, mlir::Value at);
  mlir::Value words(mlir::Value bytes, mlir::Value at);
  mlir::Value nibble(mlir::Value words, int64_t shift);
  mlir::Value signedByte(mlir::Value words, int64_t byte);

  Emit &e;
  attn::WeightElement element;
  PackedGroup layout;
  bool permutes; // 16-lane table look-ups exist
};

} // namespace heed
