//===- AttentionStrips.h - Query tiles that pack their keys ---------------===//
#pragma once

#include "codegen/attention/AttentionItems.h"
#include "codegen/attention/FewKeys.h"
#include "codegen/attention/LongRows.h"

namespace heed::attn {

/// Items whose tiling is packed: a block of keys is packed once for all strips
/// of rows, and a strip visits its own keys of the block.
struct AttentionStrips : AttentionItems {
  using AttentionItems::AttentionItems;

  void computeStrips(AttentionItem &item);

private:
  class ItemCode;
  /// What a strip has in scratch, in the memory of the largest tile.
  struct StripState {
    Value qt, o, s, p, m, mx, l, alpha, positions;
  };
  StripState stripState(const AttentionTile &tile, Value strip);
  /// A piece of what a strip has of its own.
  Value ofStrip(Value strip, int64_t offset, llvm::ArrayRef<int64_t> sizes,
                mlir::Type element = {});
  /// Of fma_f32, whose error is that of f32.
  LongRows longRows(Value strip);
  FewKeys fewKeys(Value strip);
  /// Whether some rows of a strip may see few keys: only what every row sees is
  /// known before the mask.
  Value maySeeFew(const AttentionItem &part);
  /// Calls body for each strip of an item: `part` has the strip's own rows and
  /// key ranges, `strip` is where its scratch lies.
  void
  overStrips(AttentionItem &item,
             llvm::function_ref<void(AttentionItem &part, Value strip)> body);
  /// Whether the item needs a key of [from, to).
  Value needsSome(const AttentionItem &item, Value from, Value to);
  /// Calls body for the parts of [first, last) that multiples of `keys` cut;
  /// where blocks lie on no grid, those of `keys` keys from `first` on.
  void overCuts(Value first, Value last, int64_t keys,
                llvm::function_ref<void(Value from, Value to)> body);
  /// Whether a strip needs the mask: keys that its tile visits may be none of
  /// its own.
  bool stripsAreMasked();
};

} // namespace heed::attn
