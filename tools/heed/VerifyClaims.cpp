#include "tools/heed/VerifyClaims.h"

#include "ir/Axes.h"
#include "passes/masks/Claims.h"

#include "llvm/ADT/STLExtras.h"

using namespace heed;
using namespace mlir;
using certificate::Claim;
using certificate::Outline;
using masks::Verdict;

/// Masks are not asked whether all their keys are further behind.
static constexpr int64_t FurthestBack = 64;

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

using Part = certificate::Parts::value_type;

/// What may be proved of a claim of a mask.
static void fillIn(ModelClaim &made, const ModelOutline &model,
                   const MaskUse &use, bool eachAlone) {
  const std::string &kind = made.claim.kind;
  auto found = [&](const std::optional<masks::Parts> &parts) {
    made.isGuess = false;
    if (parts)
      made.tries.push_back(*parts);
  };
  if (kind == "ahead") {
    // Where ops are causal only together, each says how far it looks ahead; so
    // does a mask that is causal by the lengths of its axes.
    if (eachAlone)
      found(masks::partsOf(use.causality));
    if (made.tries.empty())
      made.search = {"most", -FurthestBack};
    made.isGuess = made.tries.empty();
  } else if (kind == "behind") {
    made.search = {"most", 0};
  } else if (kind == "kept") {
    made.search = {"first", 1};
  } else if (kind == "cache") {
    found(masks::partsOf(use.cache));
  } else if (kind == "rows") {
    found(masks::partsOf(use.rows, use.tiles));
    made.isGuess = made.tries.empty();
  } else if (kind == "needed") {
    found(masks::neededParts(use.tiles));
  } else if (kind == "full") {
    found(masks::fullParts(use.tiles));
  } else if (kind == "needed-exact" || kind == "full-exact") {
    if (use.tiles.exact)
      made.tries = masks::rowParts(*use.set);
  } else if (kind == "cache-exact") {
    if (auto cache = masks::partsOf(use.cache))
      made.tries = masks::liveParts(*cache);
  } else if (kind == "aligned") {
    if (!use.ownRows && !model.isPromised("aligned: start"))
      made.tries.push_back({Part{"own", "q + L - q_len"}});
    if (use.ownRows || !model.isPromised("aligned: end"))
      made.tries.push_back({Part{"own", "q"}});
  } else {
    made.tries.emplace_back();
  }
}

std::vector<ModelClaim> heed::claimsOfModel(const ModelOutline &model,
                                            const ModelFacts &facts) {
  std::vector<ModelClaim> claims;
  bool eachAlone = true;
  for (const auto &[entry, output, causality] : facts.outputs)
    eachAlone &= causality.verdict != Verdict::Holds || causality.eachAlone;
  for (Claim &claim : certificate::claimsOf(model.outline)) {
    ModelClaim &made = claims.emplace_back(ModelClaim{std::move(claim)});
    if (made.claim.kind == "model") {
      for (const auto &[entry, output, causality] : facts.outputs)
        if (output->name == made.claim.title &&
            causality.verdict == Verdict::Holds)
          made.tries.emplace_back();
    } else if (made.claim.kind == "reads") {
      made.search = {"most", 0};
    } else if (const MaskUse *use =
                   findUse(model.places[made.claim.number - Outline::FirstMask],
                           facts)) {
      fillIn(made, model, *use, eachAlone);
    }
  }
  return claims;
}
