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

  /// Adds w[k0.., 0..16) x[k0..] over a group of several panels to their sums. `x` gives the broadcast of element i of the
  /// group, `xSum` that of the group's sum. Each element is broadcast once and used for all panels at once: more would
  /// live in registers than there are.
  void dot(mlir::Value bytes, llvm::ArrayRef<mlir::Value> panels, llvm::function_ref<mlir::Value(int64_t)> x, mlir::Value xSum,
           llvm::MutableArrayRef<mlir::Value> sums);

private:
  mlir::Value halves(mlir::Value bytes, mlir::Value at);
  mlir::Value words(mlir::Value bytes, mlir::Value at);
  mlir::Value nibble(mlir::Value words, int64_t shift);
  mlir::Value signedByte(mlir::Value words, int64_t byte);
  /// Where the words of integers begin in a group, and how many there are.
  int64_t firstWord() const { return element == attn::WeightElement::Q4_1 ? 64 : 32; }
  int64_t wordCount() const { return element == attn::WeightElement::Q8_0 ? 8 : 4; }
  /// The integers of word g: (k within the group, value) in turn.
  void unpack(mlir::Value words, int64_t g, llvm::function_ref<void(int64_t, mlir::Value)> each);

  Emit &e;
  attn::WeightElement element;
  PackedGroup layout;
  bool permutes; // 16-lane table look-ups exist
};

} // namespace heed
