//===- LaneRegion.h - A scalar rule, evaluated for a vector of rows -------===//
#pragma once

#include "codegen/VectorBuilder.h"
#include "mlir/IR/IRMapping.h"

namespace heed::attn {

/// Evaluates a region of scalar ops for `lanes` rows at once. Values are either
/// scalar (the same for all rows) or vectors: f32 stays f32, i1 stays i1, an
/// index becomes i32 in lanes (a scalar index that meets lanes saturates).
/// Whatever depends on none of the arguments named `late` is built once, by
/// `prepare`; the rest by each `evaluate`.
class LaneRegion {
public:
  /// Of the value `result` of the region: what it yields, unless given.
  /// `lateValues` of the region are known to each `evaluate`, and not built.
  LaneRegion(mlir::Region &region, llvm::ArrayRef<unsigned> lateArguments,
             int64_t lanes, mlir::Value result = {},
             llvm::ArrayRef<mlir::Value> lateValues = {});

  /// Builds what depends on early arguments only. `early` maps them (vectors or
  /// scalars). Fails, with an error on the op, where an op has no vector form.
  mlir::LogicalResult
  prepare(mlir::OpBuilder &b,
          llvm::ArrayRef<std::pair<unsigned, mlir::Value>> early);

  /// The result for these late arguments, then late values, as a vector.
  mlir::FailureOr<mlir::Value> evaluate(mlir::OpBuilder &b,
                                        llvm::ArrayRef<mlir::Value> late);

private:
  mlir::LogicalResult build(mlir::OpBuilder &b, mlir::Operation &op,
                            mlir::IRMapping &values);
  mlir::FailureOr<mlir::Value> function(mlir::OpBuilder &b, mlir::Operation &op,
                                        mlir::IRMapping &values);
  mlir::Value inLanes(mlir::OpBuilder &b, mlir::Location loc,
                      mlir::Value value);
  mlir::Value floorDivide(const VectorBuilder &v, mlir::Value x,
                          int64_t divisor);

  mlir::Region &region;
  llvm::SmallVector<mlir::Value, 4> late;
  int64_t lanes;
  mlir::Value result;
  // Those that the result takes, in their order.
  llvm::SmallVector<mlir::Operation *, 0> earlyOps, lateOps;
  mlir::IRMapping prepared;
};

} // namespace heed::attn
