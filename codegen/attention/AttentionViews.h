//===- AttentionViews.h - Where an attention's operands lie in memory -----===//
#pragma once

#include "codegen/attention/AttentionArguments.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

namespace heed::attn {

/// A batch element or a sequence.
struct Segment {
  mlir::Value number;
  mlir::Value queryLength, keyLength,
      past; // past: the position of the first query
  mlir::Value firstQuery,
      firstKey;     // rows of the ragged axis; zero for batch elements
  mlir::Value slot; // of the cache
};

/// Makes views of the kernel's arguments for a segment and a head.
class AttentionViews {
public:
  AttentionViews(AttentionOp op, llvm::ArrayRef<AttentionArg> args,
                 mlir::ValueRange values, mlir::OpBuilder &b);

  /// The only argument of that kind.
  mlir::Value get(AttentionArgKind kind) const;

  int64_t keyHeads();
  mlir::Value segments();
  Segment segment(mlir::Value number);

  /// [queries, group, head] of the heads from `firstHead`.
  mlir::Value queries(const Segment &segment, mlir::Value firstHead,
                      int64_t group);
  mlir::Value outputs(const Segment &segment, mlir::Value firstHead,
                      int64_t group);
  /// [keys, head] of one kv head, for keys and values.
  std::pair<mlir::Value, mlir::Value> keysAndValues(const Segment &segment,
                                                    mlir::Value keyHead);
  /// [group] sinks of the heads from `firstHead`.
  mlir::Value sinks(mlir::Value firstHead, int64_t group);

  /// A piece of the thread's scratch, f32 unless said. The offset is in bytes.
  mlir::Value scratch(mlir::Value offset, llvm::ArrayRef<int64_t> sizes,
                      mlir::Type element = {});
  mlir::Value scratch(int64_t offset, llvm::ArrayRef<int64_t> sizes,
                      mlir::Type element = {}) {
    return scratch(index(offset), sizes, element);
  }

  /// A symbol that is one number for a head of a segment.
  mlir::Value maskSymbol(MaskSymbolAttr symbol, const Segment &segment,
                         mlir::Value headIndex);
  /// A symbol looked up by absolute position q or kv.
  mlir::Value opaqueSymbol(MaskSymbolAttr symbol, const Segment &segment,
                           mlir::Value q, mlir::Value kv);
  /// The element of a score rule's table; the index is held inside the table,
  /// for pairs that the mask forbids.
  mlir::Value lookup(LookupOp lookup, mlir::IRMapping &values);

private:
  /// Strides in elements of a dense tensor: static ones as constants.
  llvm::SmallVector<mlir::OpFoldResult> strides(mlir::RankedTensorType type);
  mlir::OpFoldResult axisLength(mlir::StringAttr name, int64_t size);
  mlir::OpFoldResult strideOf(mlir::RankedTensorType type,
                              llvm::StringRef axis);
  /// The offset of a batch element, or of the first row of a sequence.
  mlir::Value segmentOffset(mlir::RankedTensorType type, const Segment &segment,
                            llvm::StringRef rowAxis, mlir::Value firstRow);
  mlir::Value grouped(mlir::Value base, const Segment &segment,
                      mlir::Value firstHead, int64_t group);
  mlir::Value maskTable(MaskSymbolAttr symbol);
  llvm::SmallVector<mlir::StringAttr> batchAxes();

  mlir::Value index(int64_t value);
  mlir::Value value(mlir::OpFoldResult result);
  mlir::OpFoldResult multiply(mlir::OpFoldResult x, mlir::OpFoldResult y);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value multiply(mlir::Value x, mlir::Value y);
  mlir::Value loadIndex(mlir::Value memref, mlir::Value at);
  mlir::Value named(AttentionArgKind kind, mlir::StringAttr name) const;
  mlir::Value tableArgument(AttentionArgKind kind, mlir::Value table) const;

  AttentionOp op;
  llvm::SmallVector<AttentionArg> args;
  llvm::SmallVector<mlir::Value> values;
  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace heed::attn
