#include "tools/heed/VerifyClaims.h"

#include "ir/Axes.h"
#include "passes/masks/Claims.h"
#include "passes/masks/certificate/Prover.h"

#include "llvm/ADT/STLExtras.h"

using namespace heed;
using namespace mlir;
using certificate::Claim;
using certificate::Outline;
using masks::Verdict;

/// Masks that look further ahead than this are not composed.
static constexpr int64_t FurthestAhead = 64;

/// What the compiler knows of a mask of the outline.
static const MaskUse *findUse(const ModelOutline::MaskPlace &place,
                              const ModelFacts &facts) {
  for (const MaskUse &use : facts.masks) {
    attn::MaskOp op = use.op;
    bool isLayer =
        !place.layer || use.layers.empty() ||
        llvm::any_of(use.layers, [&](StringRef layer) {
          return layer.rsplit('.').second == std::to_string(*place.layer);
        });
    if (placeOf(op.getLoc()) == place.at && use.ownRows == place.ownRows &&
        isLayer && use.set)
      return &use;
  }
  return nullptr;
}

static std::optional<masks::Parts> partsOf(const std::string &kind,
                                           const MaskUse &use) {
  if (kind == "ahead")
    return masks::partsOf(use.causality);
  if (kind == "cache")
    return masks::partsOf(use.cache);
  if (kind == "rows")
    return masks::partsOf(use.rows, use.tiles);
  return kind == "full" ? masks::fullParts(use.tiles)
                        : masks::neededParts(use.tiles);
}

/// The least distance that is proved to hold for every key ahead of its query.
/// Negative where all keys are earlier.
static std::optional<int64_t> provedAhead(const Outline &model, Claim claim) {
  std::optional<int64_t> least;
  std::string error;
  for (int64_t most = FurthestAhead; most >= -FurthestAhead; --most) {
    claim.parts = {{"most", std::to_string(most)}};
    if (!certificate::certify(model, claim, error))
      break;
    least = most;
  }
  return least;
}

std::vector<ModelClaim> heed::claimsOfModel(const ModelOutline &model,
                                            const ModelFacts &facts) {
  std::vector<ModelClaim> claims;
  for (Claim &claim : certificate::claimsOf(model.outline))
    claims.push_back({std::move(claim)});
  // Where ops are causal only together, each says how far it looks ahead; so
  // does a mask that is causal by the lengths of its axes.
  bool anyHolds = false, eachAlone = true;
  for (const auto &[entry, output, causality] : facts.outputs) {
    anyHolds |= causality.verdict == Verdict::Holds;
    eachAlone &= causality.verdict != Verdict::Holds || causality.eachAlone;
  }
  masks::Parts ahead;
  for (auto &[claim, isMade] : claims) {
    if (claim.kind == "model") {
      for (const auto &[entry, output, causality] : facts.outputs)
        isMade |=
            output->name == claim.title && causality.verdict == Verdict::Holds;
      if (isMade)
        claim.parts = ahead;
      continue;
    }
    const MaskUse *use =
        findUse(model.places[claim.number - Outline::FirstMask], facts);
    std::optional<masks::Parts> parts =
        use ? partsOf(claim.kind, *use) : std::nullopt;
    if (claim.kind == "ahead") {
      if (!eachAlone || (anyHolds && !parts))
        if (auto most = provedAhead(model.outline, claim))
          parts = {{"most", std::to_string(*most)}};
      ahead.emplace_back("mask", parts ? parts->front().second
                                       : std::to_string(INT32_MAX));
    }
    isMade = parts.has_value();
    claim.parts = parts.value_or(masks::Parts());
  }
  return claims;
}
