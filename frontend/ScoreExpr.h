//===- ScoreExpr.h - The language of score rules --------------------------===//
#pragma once

#include "frontend/ConstExpr.h"
#include "ir/Attn.h"
#include "mlir/IR/Builders.h"

namespace heed {

/// The handle of a table that a rule names; null after a report.
using TableHandle = llvm::function_ref<mlir::Value(const Expr &table)>;

/// Emits the rule at the builder's place, as arith and math ops on f32 and
/// `attn.lookup`, with arguments (s, q, kv, h, b) as `attn.score_map` has them:
///   softcap(s, 50)    s - slope[h] * (q - kv)    s + bias[h, bucket(kv - q)]
/// Gives the new score, f32; null after a report.
mlir::Value emitScore(mlir::OpBuilder &builder, mlir::Location loc,
                      const Expr &rule, mlir::ValueRange arguments,
                      TableHandle tableHandle, const ExprNames &names,
                      Diagnostics &diags);

} // namespace heed
