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
  LaneRegion(mlir::Region &region, llvm::ArrayRef<unsigned> lateArguments,
             int64_t lanes);

  /// Builds what depends on early arguments only. `early` maps them (vectors or
  /// scalars). Fails, with an error on the op, where an op has no vector form.
  mlir::LogicalResult
  prepare(mlir::OpBuilder &b,
          llvm::ArrayRef<std::pair<unsigned, mlir::Value>> early);

  /// The region's result for these late arguments, as a vector.
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
  llvm::SmallVector<unsigned> lateArguments;
  int64_t lanes;
  llvm::DenseSet<mlir::Operation *> lateOps;
  mlir::IRMapping prepared;
};

} // namespace heed::attn
