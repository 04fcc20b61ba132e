//===- OracleInterface.h - What ops compute, in f64 -----------------------===//
//
// The oracle: a reference evaluator of the attn ops before and after fusion,
// written from the formulas of the op descriptions. It shares no code with
// passes or code generation.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "tests/oracle/State.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OpDefinition.h"

#include "tests/oracle/OracleInterface.h.inc"

namespace heed::oracle {

/// Gives the ops of attn, func, arith and math their meaning.
void registerOracleExternalModels(mlir::DialectRegistry &registry);

/// An external model made of a function.
template <typename Op, llvm::LogicalResult (*meaning)(Op, State &)>
struct Meaning : OracleOpInterface::ExternalModel<Meaning<Op, meaning>, Op> {
  llvm::LogicalResult evaluate(mlir::Operation *op, State &state) const {
    return meaning(llvm::cast<Op>(op), state);
  }
};

// One for each family of ops.
void registerRowModels(mlir::DialectRegistry &registry);
void registerAttentionModels(mlir::DialectRegistry &registry);
void registerFusedModels(mlir::DialectRegistry &registry);
void registerScalarModels(mlir::DialectRegistry &registry);

} // namespace heed::oracle
