//===- WeightCodec.h - Packed weights become f32 vectors in registers -----===//
#pragma once

#include "codegen/linear/RowDigits.h"
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
  /// True for the block formats, whose dot() wants a row's digits.
  bool isQuantised() const { return layout.depth == 32; }
  /// What those digits are for.
  DigitsFor digitsFor() const {
    return {isQuantised() && multipliesBytes,
            element == attn::WeightElement::Q8_0};
  }

  /// The group at byte `at` of `bytes`: group().depth vectors, w[k, 0..16).
  llvm::SmallVector<mlir::Value> decode(mlir::Value bytes, mlir::Value at);

  /// The vectors of `count` steps from k on, of whole groups, of the panel at
  /// byte `panel`.
  llvm::SmallVector<mlir::Value> decodeSteps(mlir::Value bytes,
                                             mlir::Value panel, mlir::Value k,
                                             int64_t count);

  /// A group of a block format in integers: w[k, j] = d[j] q[k, j] + m[j].
  struct Integers {
    /// 8 vectors of 64 signed bytes: q[4 g + i, j] at 4 j + i.
    llvm::SmallVector<mlir::Value> q;
    mlir::Value d, m; // m is null where it is 0
  };
  Integers integers(mlir::Value bytes, mlir::Value at);

  /// Adds w[k.., 0..16) x[k..] over a group of several panels to their sums.
  /// Each element of x is broadcast once and used for all panels at once: more
  /// would live in registers than there are. The block formats find the group's
  /// digits in x at `digitsAt`.
  void dot(mlir::Value bytes, llvm::ArrayRef<mlir::Value> panels, mlir::Value x,
           mlir::Value k, mlir::Value digitsAt,
           llvm::MutableArrayRef<mlir::Value> sums);

private:
  /// Sums of integer products of a group, without scales, as f32.
  void dotFloats(mlir::Value bytes, llvm::ArrayRef<mlir::Value> panels,
                 mlir::Value x, mlir::Value k,
                 llvm::MutableArrayRef<mlir::Value> sums);
  void dotDigits(mlir::Value bytes, llvm::ArrayRef<mlir::Value> panels,
                 mlir::Value x, mlir::Value digitsAt,
                 llvm::MutableArrayRef<mlir::Value> sums);
  mlir::Value wordOf(mlir::Value x, mlir::Value digitsAt, int64_t word);
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
