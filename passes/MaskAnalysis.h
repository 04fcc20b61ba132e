//===- MaskAnalysis.h - What is known of each attention's mask ------------===//
#pragma once

#include "ir/TableConditions.h"
#include "passes/MaskFlow.h"
#include "passes/masks/CacheCapacity.h"
#include "passes/masks/MaskCount.h"
#include "passes/masks/RowCoverage.h"
#include "passes/masks/TileBounds.h"

#include <map>

namespace heed {

/// The keys reach at least to the tile's own positions: they were appended
/// before, or are of the same rows.
bool keysReachTile(attn::AttentionOp op);

/// Facts about one mask, computed when asked for.
class MaskFacts {
public:
  /// The least and largest value of each symbol over the heads, where known.
  using Ranges = std::vector<std::optional<std::pair<int64_t, int64_t>>>;
  MaskFacts(attn::MaskAttr mask, masks::RowFacts known, Ranges ranges);

  /// Empty, or why nothing is known.
  const std::string &error() const { return why; }
  bool keysReachTile() const { return known.amongKeys; }
  const masks::MaskSet &set() const { return *all; }
  const attn::TableConditions &conditions() const { return split; }

  /// Of the mask without its table conditions: nothing of it is looked up.
  bool restIsExact() const { return rest->isExact(); }
  const masks::MaskSet &withoutTables() const { return *rest; }
  /// Of the mask without its table conditions.
  const masks::TileBounds &tileBounds();
  const masks::RowCoverage &rowCoverage();
  const masks::CacheCapacity &cacheCapacity();
  /// With Lq = L where the keys are those of the queries' own rows. Of the mask
  /// without its table conditions: what they forbid is known only when it runs.
  const masks::MaskCount &count();

private:
  std::optional<masks::MaskSet>
  setOf(llvm::ArrayRef<mlir::IntegerSet> disjuncts);

  attn::MaskAttr mask;
  masks::RowFacts known;
  Ranges ranges;
  attn::TableConditions split;
  std::optional<masks::MaskSet> all, rest;
  std::string why;
  std::optional<masks::TileBounds> bounds;
  std::optional<masks::RowCoverage> rows;
  std::optional<masks::CacheCapacity> cache;
  std::optional<masks::MaskCount> pairs;
};

/// Of a module: the facts of its attentions. Layers mostly share their masks,
/// so each mask is looked at once.
class MaskAnalysis {
public:
  explicit MaskAnalysis(mlir::Operation *module)
      : aligned(promisesAligned(module)) {}
  MaskFacts &of(attn::AttentionOp op);
  /// For a pass that reports: null, with a remark of it, where nothing is known
  /// of the mask.
  MaskFacts *known(attn::AttentionOp op, llvm::StringRef pass);

private:
  bool aligned;
  std::map<std::tuple<const void *, bool, bool, bool, MaskFacts::Ranges>,
           MaskFacts>
      facts;
};

} // namespace heed
