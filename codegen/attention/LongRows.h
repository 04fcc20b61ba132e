//===- LongRows.h - Sums of very many keys, in two levels -----------------===//
//
// Each block of keys is added to a row's sums once, so the error of a long row
// grows with its blocks. After every so many keys the sums are therefore put
// away, in units of the maximum of that time, and begin again at zero:
//
//   total = total 2^(m_before - m) + sums   sums = 0
//
// A row of fewer keys never meets this.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "codegen/attention/KeySpans.h"

namespace heed::attn {

class LongRows {
public:
  /// Sums are put away after so many blocks of keys.
  static constexpr int64_t kBlocks = 16;

  /// The sums of a tile with rows in lanes, l [rows] and o [head, rows], are
  /// `state`; `total` is of the same shape; `used` is a memref<1xi64>.
  LongRows(const TileCode &c, RowState state, RowState total, mlir::Value used)
      : c(c), state(state), total(total), used(used) {}

  /// Nothing is put away yet.
  void start() const;
  /// Calls body once, in a loop over from … to, `keys` at a time.
  void overKeys(mlir::Value from, mlir::Value to, mlir::Value keys,
                llvm::function_ref<void(mlir::Value, mlir::Value)> body) const;
  /// Puts the sums away: they begin again.
  void putAway() const;
  /// Brings what was put away back.
  void finish() const;

private:
  /// Calls body for each vector of l and of o, with the factor of what was put
  /// away.
  void eachVector(llvm::function_ref<void(mlir::Value factor, mlir::Value sum,
                                          mlir::Value total,
                                          mlir::ArrayRef<mlir::Value> at)>
                      body) const;
  void when(mlir::Value condition, llvm::function_ref<void()> body) const;

  TileCode c;
  RowState state, total;
  mlir::Value used;
};

} // namespace heed::attn
