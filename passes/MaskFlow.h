//===- MaskFlow.h - A mask as a flow from keys to queries -----------------===//
#pragma once

#include "ir/Attn.h"
#include "passes/masks/MaskSet.h"

namespace heed {

/// The pairs that the mask of `op` lets through, for all heads together: a
/// path through a model may take another head in each layer. Symbols by head
/// whose values are known are replaced by all of these. `q_len` and `kv_len`
/// become the lengths of the axes. A mask that cannot be read lies between
/// nothing and everything.
masks::MaskSet flowOfMask(mlir::Operation *op, attn::MaskAttr mask,
                          llvm::StringRef qAxis, llvm::StringRef kvAxis);

/// The values of each symbol of the mask for each head, in order; empty for
/// symbols that are no matter of heads, or that are not known.
std::vector<llvm::SmallVector<int64_t>> valuesByHead(mlir::Operation *op,
                                                     attn::MaskAttr mask);

/// The mask's sets, and again at a row's own key, where entries of one table
/// are the same entry: `doc[q] == doc[kv]` holds there.
llvm::SmallVector<mlir::IntegerSet> withOwnKeys(attn::MaskAttr mask);

/// The model promises `aligned`: of queries that are no keys, there are no more
/// than keys.
bool promisesAligned(mlir::Operation *module);

/// The mask as a set, its symbols called as in the model file (`window[h]`) and
/// bounded by the values that their tables have; of `sets`, mostly the mask's.
/// nullopt, and `error` says why,
/// where a constraint has no meaning.
std::optional<masks::MaskSet>
symbolicMask(mlir::Operation *op, attn::MaskAttr mask,
             llvm::ArrayRef<mlir::IntegerSet> sets, std::string &error);

} // namespace heed
