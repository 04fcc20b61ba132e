//===- Attention.h - Attention in f64, step by step -----------------------===//
//
// softmax(map(scale Q K^T) where mask) V, over all keys at once. The unfused
// ops are one step each, the fused ones several.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "tests/oracle/State.h"

namespace heed::oracle {

/// One element of a tensor of scores.
struct ScoreAt {
  int64_t flat;  // its place in the tensor
  int64_t row;   // the query's index along its axis
  int64_t q, kv; // absolute positions
  int64_t h;     // the head
  int64_t b;     // the sequence, or the batch (its flat index)
  llvm::ArrayRef<int64_t> indices; // one an axis of the scores
};

/// The axes of a tensor of scores: batch axes, heads, q (or the ragged axis),
/// kv.
class ScoreSpace {
public:
  /// `rows`: of ragged queries, else null.
  ScoreSpace(const Tensor &scores, const Rows *rows);

  /// Calls fn(const ScoreAt &) for every element, row-major.
  void each(llvm::function_ref<void(const ScoreAt &)> fn) const;
  /// The same, until fn fails.
  llvm::LogicalResult
  tryEach(llvm::function_ref<llvm::LogicalResult(const ScoreAt &)> fn) const;
  /// The strides of `other` along the axes of the scores, 0 where it lacks one;
  /// its sequence axis is named `sequenceAxis` and goes by our axis `as`.
  std::vector<int64_t> stridesOf(const Tensor &other,
                                 llvm::StringRef sequenceAxis,
                                 llvm::StringRef as) const;

  llvm::StringRef queryAxis;
  const Rows *rows;
  std::vector<std::string> axes;
  std::vector<int64_t> sizes;
};

/// Keys or values: a tensor's, or those of a cache.
class Keys {
public:
  Keys(const Datum &datum, bool wantsValues, const Rows *queryRows,
       const Rows *keyRows, llvm::StringRef axis, const ScoreSpace &scores,
       int64_t heads);
  /// How many keys the longest sequence has.
  static int64_t count(const Datum &datum, const Rows *keyRows,
                       llvm::StringRef axis);
  /// Element 0 of the vector that belongs to a score, and the stride to the
  /// next; null when there is no such key.
  std::pair<const double *, int64_t> at(const ScoreAt &score) const;

private:
  const Tensor *tensor = nullptr;
  const Cache *cache = nullptr;
  const Cache::Vectors *vectors = nullptr;
  const Rows *rows;
  std::string sequenceAxis;
  std::vector<int64_t> strides;
  int64_t headStride = 1, group = 1;
  int64_t kvHeadStride = 0;
};

/// scale * Q K^T; `axes` names the result's axes.
Tensor scoresOf(const Tensor &q, const Datum &k, const Rows *queryRows,
                const Rows *keyRows, double scale, llvm::StringRef queryAxis,
                llvm::StringRef keyAxis, std::vector<std::string> axes);

/// Each score through the rule.
llvm::FailureOr<Tensor> mapScores(Tensor scores, const Rows *rows,
                                  mlir::Block &rule, State &state);

/// What a mask needs besides the scores.
struct MaskContext {
  mlir::Operation *op;
  attn::MaskAttr mask;
  std::vector<std::string> tableNames;
  std::vector<const Tensor *> tables;
  const Rows *rows = nullptr, *keyRows = nullptr;
};

/// The context of an op with a mask, tables and their names.
template <typename Op>
MaskContext maskContext(Op op, const State &state, mlir::Value rows,
                        mlir::Value keyRows = {}) {
  MaskContext context{op, op.getMask(),           {},
                      {}, state.rowsOrNull(rows), state.rowsOrNull(keyRows)};
  if (auto names = op.getTableNames())
    for (auto name : names->template getAsRange<mlir::StringAttr>())
      context.tableNames.push_back(name.str());
  for (mlir::Value table : op.getTables())
    context.tables.push_back(&state.tensor(table));
  return context;
}

/// Makes the forbidden scores absent.
llvm::FailureOr<Tensor> maskScores(Tensor scores, const MaskContext &context,
                                   const Surroundings &around);

/// exp(s - max) / sum over `kv`; absent scores weigh exactly 0. `sinks`, one
/// logit a head, join the sum. A row without scores gives zeros.
Tensor softmaxOf(Tensor scores, const Weight *sinks);

/// P V; `axes` names the result's axes, `queryAxis` the one of the queries.
Tensor combine(const Tensor &p, const Datum &v, const Rows *queryRows,
               const Rows *keyRows, llvm::StringRef queryAxis,
               llvm::StringRef keyAxis, std::vector<std::string> axes);

} // namespace heed::oracle
