//===- MaskExpr.h - The mask language -------------------------------------===//
#pragma once

#include "frontend/ConstExpr.h"
#include "ir/Attn.h"

namespace heed {

/// Which (q, kv) pairs may meet, and the tables that the mask's symbols name.
struct ParsedMask {
  attn::MaskAttr mask;
  std::vector<std::string> tables;
};

/// Parses a predicate over the absolute positions q and kv, the lengths q_len
/// and kv_len, the head h and the batch b:
///   kv <= q and q - kv < window or kv < 4       all       same(doc)
/// and brings it into disjunctive normal form, every comparison an affine
/// constraint. Errors: what does not parse, unknown names, parts that are not
/// affine, more than 64 disjuncts.
std::optional<ParsedMask> parseMask(mlir::MLIRContext *context,
                                    const Node &scalar, const ExprNames &names,
                                    Diagnostics &diags);

} // namespace heed
