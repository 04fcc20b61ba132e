//===- MaskAt.h - A symbolic mask at one pair -----------------------------===//
#pragma once

#include "tests/oracle/Attention.h"

namespace heed::oracle {

/// Evaluates a mask's integer sets, pair by pair.
class MaskAt {
public:
  MaskAt(const MaskContext &context, const ScoreSpace &space,
         const Surroundings &around)
      : context(context), space(space), around(around) {}

  /// Fails after a diagnostic when a symbol has no value here.
  llvm::FailureOr<bool> allows(const ScoreAt &at) const;

private:
  llvm::FailureOr<int64_t> symbol(attn::MaskSymbolAttr symbol,
                                  const ScoreAt &at) const;
  llvm::FailureOr<int64_t> element(attn::MaskSymbolAttr symbol,
                                   const ScoreAt &at) const;
  int64_t queryCount(const ScoreAt &at) const;
  int64_t keyCount(const ScoreAt &at) const;

  const MaskContext &context;
  const ScoreSpace &space;
  const Surroundings &around;
};

} // namespace heed::oracle
