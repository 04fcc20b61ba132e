//===- State.h - The values of a function while it is evaluated -----------===//
#pragma once

#include "ir/Attn.h"
#include "tests/oracle/AdditiveMask.h"
#include "tests/oracle/Datum.h"
#include "tests/oracle/WeightTable.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

namespace heed::oracle {

/// What stays the same through all calls of an evaluation.
struct Surroundings {
  WeightTable &weights;
  /// Values of the named integers of masks.
  llvm::StringMap<int64_t> integers;
  /// Instead of making forbidden scores absent.
  std::optional<AdditiveMask> additiveMask = std::nullopt;
};

/// One call's values. The accessors expect that the verifier has seen the IR.
class State {
public:
  explicit State(Surroundings &around) : around(around) {}

  Surroundings &around;

  const Datum &get(mlir::Value value) const;
  void set(mlir::Value value, Datum datum) { data[value] = std::move(datum); }

  const Tensor &tensor(mlir::Value value) const { return held<Tensor>(value); }
  const Rows &rows(mlir::Value value) const { return held<Rows>(value); }
  const Cache &cache(mlir::Value value) const { return held<Cache>(value); }
  const Weight &weight(mlir::Value value) const { return held<Weight>(value); }
  /// Of an optional operand: null when it is not given.
  const Rows *rowsOrNull(mlir::Value value) const {
    return value ? &rows(value) : nullptr;
  }
  double real(mlir::Value value) const {
    return *std::get_if<double>(&get(value));
  }
  int64_t integer(mlir::Value value) const {
    return *std::get_if<int64_t>(&get(value));
  }

private:
  template <typename T> const T &held(mlir::Value value) const {
    return **std::get_if<std::shared_ptr<const T>>(&get(value));
  }

  llvm::DenseMap<mlir::Value, Datum> data;
};

/// Evaluates the ops of a block in order, up to its terminator. Fails after a
/// diagnostic.
llvm::LogicalResult evaluateBlock(mlir::Block &block, State &state);

/// The results of a function for these arguments.
llvm::FailureOr<std::vector<Datum>>
evaluateFunction(mlir::func::FuncOp function, llvm::ArrayRef<Datum> arguments,
                 Surroundings &around);

/// The axes of a tensor type, `d0`, `d1`, … where they have no names.
std::vector<std::string> axesOf(mlir::Type type);

} // namespace heed::oracle
