//===- RowProgram.h - Model ops on rows become vectors --------------------===//
//
// A linear's prologue and epilogue, and every op that works on rows alone, are
// evaluated column by column: at() gives 16 columns of a value in a row by
// asking its operands for theirs, so a chain of ops costs no memory between its
// links.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/Emit.h"
#include "ir/Axes.h"

#include "llvm/ADT/DenseMap.h"

namespace heed {

/// A tensor seen as rows of columns: `heads` and what stands behind it at the
/// end (`head`, a slice of it) count as columns together.
struct RowShape {
  explicit RowShape(mlir::Type tensor);
  /// True when the columns are those of several heads.
  bool hasHeads() const { return columns != last; }
  unsigned rowAxes;
  int64_t columns, last; // last: the size of the last axis
};

/// The number of rows of a tensor bound by attn.from_memory.
mlir::Value rowCount(Emit &e, attn::FromMemoryOp tensor);

class RowProgram {
public:
  /// `scratch` (i8) from byte `at` on is this program's: scratchBytes() of it.
  RowProgram(Emit &e, mlir::Value scratch, int64_t at)
      : e(e), scratch(scratch), nextScratch(at) {}

  /// Where a block argument lies: column c of row r at `start(r) + c` of
  /// `memory`. Where `columns` is given and no multiple of a vector, the last
  /// vector of a row is read under a mask.
  struct Place {
    mlir::Value memory;
    std::function<mlir::Value(mlir::Value row)> start;
    int64_t columns = 0;
  };
  void bind(mlir::Value value, Place place) {
    places[value] = std::move(place);
  }

  /// Computes columns [first, last) of `value` in `row` and stores them to
  /// `target` (attn.from_memory or attn.cache_at). `row` counts in the value's
  /// own rows.
  void store(mlir::Value value, mlir::Value target, mlir::Value row,
             mlir::Value first, mlir::Value last);
  /// The same, to memory at `to` + column.
  void storeTo(mlir::Value value, mlir::Value memory, mlir::Value to,
               mlir::Value row, mlir::Value first, mlir::Value last);

  /// Bytes of scratch that programs of these ops need.
  static int64_t scratchBytes(mlir::Region &region);
  static int64_t scratchBytes(mlir::Operation *op);

private:
  /// What is computed once a row before its columns: statistics, tables.
  struct Prepared {
    mlir::Value mean, factor; // norms
    mlir::Value table;        // rope: cosines, then sines; embed: the row
    mlir::Value staged; // rope: its operand, where lanes must cross; what works
                        // head by head: its result
  };

  void prepare(mlir::Value value, mlir::Value row, mlir::Value first,
               mlir::Value last);
  void prepareNorm(attn::NormOp op, mlir::Value row);
  void prepareL2(attn::L2NormalizeOp op, mlir::Value row);
  void prepareRope(attn::RopeOp op, mlir::Value row, mlir::Value first,
                   mlir::Value last);
  mlir::Value stage(mlir::Value value, mlir::Value row);
  void prepareHeadNorm(mlir::Operation *op, mlir::Value row);
  void prepareHeadSlice(attn::SliceOp op, mlir::Value row);
  void prepareMerge(attn::MergeHeadsOp op, mlir::Value row);
  void prepareTableRow(mlir::Operation *op, mlir::Value table,
                       mlir::Value number);
  mlir::Value at(mlir::Value value, mlir::Value row, mlir::Value column);
  mlir::Value ropeAt(attn::RopeOp op, mlir::Value row, mlir::Value column);
  void storeHeadConcat(attn::ConcatOp op, mlir::Value memory, mlir::Value to,
                       mlir::Value row);
  mlir::Value weightAt(mlir::Value weight, mlir::Value column);
  mlir::Value position(mlir::Operation *op, mlir::Value x, mlir::Value rows,
                       std::optional<llvm::StringRef> axis, mlir::Value row);
  void storeCache(attn::CacheAppendOp op, mlir::Value target, mlir::Value row,
                  mlir::Value first, mlir::Value last);
  mlir::Value reserve(int64_t floats);

  Emit &e;
  mlir::Value scratch;
  int64_t nextScratch;
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::DenseMap<mlir::Operation *, Prepared> prepared;
};

} // namespace heed
