//===- AttentionRules.h - Score rule and mask, in tile ops ----------------===//
#pragma once

#include "codegen/attention/AttentionItems.h"

namespace heed::attn {

/// Scores of an attention without a rule are in units of log 2.
inline constexpr double kLog2E = 1.4426950408889634074;

/// The score rule, with tables as memrefs and the result in units of log 2.
void emitRule(mlir::Region &region, AttentionItems &items, AttentionItem &item);
/// Whether a pair is allowed.
void emitMask(mlir::Region &region, AttentionItems &items, AttentionItem &item);

} // namespace heed::attn
