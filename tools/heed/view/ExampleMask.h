//===- ExampleMask.h - A mask at chosen lengths, evaluated pair by pair ---===//
#pragma once

#include "passes/MaskAnalysis.h"

namespace heed::view {

/// A mask with a value for each of its symbols: lengths, one head, and example
/// entries where a table is looked up per token (four documents of one length
/// where tables are compared, a last quarter of padding otherwise).
class ExampleMask {
public:
  ExampleMask(attn::AttentionOp op, MaskFacts &facts, int64_t queries,
              int64_t keys, int64_t head);

  /// Empty, or which symbol is known only when the model runs.
  const std::string &whyNot() const { return why; }

  bool allows(int64_t q, int64_t kv);
  /// The conditions on tables alone, which tile loops leave out.
  bool conditionsHold(int64_t q, int64_t kv);
  /// The keys of a row, as ranges [from, to).
  llvm::SmallVector<std::pair<int64_t, int64_t>> keysOf(int64_t q);
  /// Of the mask, with 0 for those that are looked up per token.
  llvm::ArrayRef<int64_t> symbols() const { return values; }

  bool hasTables = false, hasDocuments = false;
  const int64_t queries, keys;

private:
  llvm::ArrayRef<int64_t> at(int64_t q, int64_t kv);

  attn::MaskAttr mask;
  MaskFacts &facts;
  std::string why;
  llvm::SmallVector<int64_t> values, here;
};

} // namespace heed::view
