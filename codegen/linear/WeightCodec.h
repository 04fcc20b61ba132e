//===- WeightCodec.h - Packed weights become f32 vectors in registers -----===//
#pragma once

#include "codegen/Emit.h"
#include "codegen/pack/PackedLayout.h"

namespace heed {

/// Emits code that reads groups of a packed panel (PackedLayout.h) of one
/// storage type.
class WeightCodec {
public:
  WeightCodec(Emit &e, attn::WeightElement element, attn::TargetAttr target);

  PackedGroup group() const { return layout; }
  /// True when memory holds the f32 vectors themselves.
  bool isPlain() const { return element == attn::WeightElement::F32; }
  /// True when memory holds pairs of bf16 for 16 outputs.
  bool storesBf16() const { return element == attn::WeightElement::BF16; }
  /// 64 bytes of memory as 16 words.
  mlir::Value rawWords(mlir::Value bytes, mlir::Value at) {
    return words(bytes, at);
  }
  /// True for the block formats, whose dot() wants x split by splitRow.
  bool isQuantised() const { return layout.depth == 32; }

  /// Bytes of a group of x as splitRow makes it, 32 elements: three signed
  /// digits of 8 bits each, [3][32]; the scale and the sum of the group, f32;
  /// -128 times the sum of each digit, i32.
  static constexpr int64_t kSplitBytes = 128;
  /// Splits a group of 32 elements of x for products of integers: x = scale *
  /// (digit2 * 2^16 + digit1 * 2^8 + digit0), with an error of at most 2^-24 of
  /// the group's largest element, which is that of f32.
  void splitGroup(mlir::Value x, mlir::Value at, mlir::Value split,
                  mlir::Value to);

  /// The group at byte `at` of `bytes`: group().depth vectors, w[k, 0..16).
  llvm::SmallVector<mlir::Value> decode(mlir::Value bytes, mlir::Value at);

  /// Adds w[k.., 0..16) x[k..] over a group of several panels to their sums.
  /// Each element of x is broadcast once and used for all panels at once: more
  /// would live in registers than there are. `split` holds the group of x at
  /// `splitAt`, for the block formats.
  void dot(mlir::Value bytes, llvm::ArrayRef<mlir::Value> panels, mlir::Value x,
           mlir::Value k, mlir::Value split, mlir::Value splitAt,
           llvm::MutableArrayRef<mlir::Value> sums);

private:
  /// Sums of integer products of a group, without scales, as f32.
  void dotFloats(mlir::Value bytes, llvm::ArrayRef<mlir::Value> panels,
                 mlir::Value x, mlir::Value k,
                 llvm::MutableArrayRef<mlir::Value> sums);
  void dotDigits(mlir::Value bytes, llvm::ArrayRef<mlir::Value> panels,
                 mlir::Value split, mlir::Value splitAt,
                 llvm::MutableArrayRef<mlir::Value> sums);
  mlir::Value loadAs(mlir::Type type, mlir::Value bytes, mlir::Value at);
  mlir::Value halves(mlir::Value bytes, mlir::Value at);
  mlir::Value words(mlir::Value bytes, mlir::Value at);
  mlir::Value nibble(mlir::Value words, int64_t shift);
  mlir::Value signedByte(mlir::Value words, int64_t byte);
  /// Where the words of integers begin in a group, and how many there are.
  int64_t firstWord() const {
    return element == attn::WeightElement::Q4_1 ? 64 : 32;
  }
  int64_t wordCount() const {
    return element == attn::WeightElement::Q8_0 ? 8 : 4;
  }
  /// The integers of word g: (k within the group, value) in turn.
  void unpack(mlir::Value words, int64_t g,
              llvm::function_ref<void(int64_t, mlir::Value)> each);

  Emit &e;
  attn::WeightElement element;
  PackedGroup layout;
  bool permutes;        // 16-lane table look-ups exist
  bool multipliesBytes; // dpbusd exists
};

} // namespace heed
