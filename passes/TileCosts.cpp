//===- TileCosts.cpp - Tile sizes from a target's registers and caches ----===//
#include "passes/TileCosts.h"
#include "ir/Bf16Parts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace heed::attn;

namespace heed {

/// Outputs of one weight panel (the layout of all weights).
static constexpr int64_t panelWidth = 16;

/// An atom that fills a register tile alone (AMX) is used two by two: four
/// accumulators, four operands.
static bool isTileAtom(AtomAttr atom) { return atom.getM() > 1; }

AtomAttr chooseAtom(TargetAttr target, StringRef numerics) {
  AtomAttr best = target.findAtom("fma_f32");
  if (numerics == "bf16")
    for (AtomAttr atom : target.getAtoms())
      if (atom.getKind().getValue().contains("bf16") &&
          (!best || atom.getRate() > best.getRate()))
        best = atom;
  return best;
}

AtomAttr issuedAtom(TargetAttr target, StringRef kind) {
  return target.findAtom(kind == kAmxInParts    ? "amx_bf16"
                         : kind == kAmxInTwoF16 ? StringRef(kAmxF16)
                                                : kind);
}

AtomAttr atomInParts(TargetAttr target, StringRef kind) {
  AtomAttr atom = issuedAtom(target, kind);
  return atom ? AtomAttr::get(
                    atom.getContext(), StringAttr::get(atom.getContext(), kind),
                    atom.getM(), atom.getN(), atom.getK(), atom.getRate())
              : atom;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

AttentionScheduleAttr scheduleAttention(TargetAttr target, AtomAttr atom,
                                        int64_t head, bool banded) {
  // Keys are broadcast against vectors of queries: three quarters of the
  // registers are accumulators, the rest holds the vectors, a broadcast and
  // temporaries. A band of keys wastes as many keys as a tile has queries:
  // fewer queries then pay, though each loads more keys (77 instead of 72 % of
  // the peak with a window of 256).
  int64_t vectors = banded || target.getRegisters() < 32 ? 2 : 3;
  int64_t keyTile =
      std::max<int64_t>(target.getRegisters() * 3 / 4 / vectors, 1);
  int64_t queries = vectors * target.getLanes();
  if (isTileAtom(atom)) {
    keyTile = 2 * atom.getM();
    queries = 2 * atom.getN();
  }
  // Scores of a block fill at most half of L1; beyond 128 keys nothing is
  // gained.
  int64_t fitting = target.getL1() / 2 / (queries * (int64_t)sizeof(float));
  int64_t keys = llvm::alignTo(
      std::clamp<int64_t>(
          llvm::bit_floor((uint64_t)std::max<int64_t>(fitting, 1)), keyTile,
          128),
      keyTile);
  int64_t headTile = isTileAtom(atom) ? keyTile : std::min(keyTile, head);
  // Features that leave no smaller tile at the end: twelve sums of pairs hide
  // each other's latency.
  if (atom.getKind().getValue() == "dpbf16")
    for (int64_t features = headTile; features >= 8; --features)
      if (head % features == 0) {
        headTile = features;
        break;
      }
  return AttentionScheduleAttr::get(target.getContext(), atom.getKind(),
                                    queries, keys, keyTile, headTile);
}

//===----------------------------------------------------------------------===//
// Linears
//===----------------------------------------------------------------------===//

LinearShape shapeOf(FusedLinearOp linear) {
  LinearShape shape;
  shape.weights = linear.getWeights().size();
  shape.inF32 = shape.inBf16 = shape.inF16 = shape.inIntegers = true;
  for (Value weight : linear.getWeights()) {
    ArrayRef<int64_t> sizes = cast<WeightType>(weight.getType()).getShape();
    shape.depth = sizes[1];
    WeightElement element = cast<WeightType>(weight.getType()).getElement();
    shape.inF32 &= element == WeightElement::F32;
    shape.inBf16 &= element == WeightElement::BF16;
    shape.inF16 &= element == WeightElement::F16;
    shape.inIntegers &= isQuantised(element);
    shape.someOf8Bits |= element == WeightElement::Q8_0;
    shape.someWithOffsets |= element == WeightElement::Q4_1;
    shape.parts = std::max(shape.parts, partsOf(element));
    shape.panels =
        std::max<int64_t>(shape.panels, llvm::divideCeil(sizes[0], panelWidth));
  }
  linear.getEpilogue().walk([&](SplitHeadsOp split) {
    int64_t head = cast<RankedTensorType>(split.getType()).getShape().back();
    shape.panelsOfHead =
        std::lcm(shape.panelsOfHead, head / std::gcd(head, panelWidth));
  });
  return shape;
}

static bool isIntegerAtom(StringRef kind) {
  return kind == "dpbusd" || kind == "amx_int8";
}

ProductCost productCost(StringRef kind, const LinearShape &shape) {
  if (kind == kAmxInParts)
    return {double(productsOfParts(shape.parts)), 0};
  if (kind == kAmxInTwoF16)
    return {2, 0};
  if (!isIntegerAtom(kind))
    return {};
  // Three digits of x. Then the scale of the block in x, d, and m.
  ProductCost cost{3, double(2 + shape.someWithOffsets)};
  if (kind == "amx_int8") {
    cost.times *= 2;  // a block fills half of the depth
    cost.issues += 5; // three tiles into one sum of f32
  } else if (shape.someOf8Bits) {
    cost.issues += 2; // two sums
  }
  return cost;
}

/// Nanoseconds of one row by 16 outputs by 32 of k.
static double timeOfBlock(TargetAttr target, AtomAttr atom,
                          const LinearShape &shape) {
  constexpr double operations = 2.0 * panelWidth * 32, issue = 2 * panelWidth;
  ProductCost cost = productCost(atom.getKind(), shape);
  return cost.times * operations / double(atom.getRate()) +
         cost.issues * issue / double(target.findAtom("fma_f32").getRate());
}

AtomAttr chooseLinearAtom(TargetAttr target, AtomAttr otherwise,
                          ArrayRef<AtomAttr> more, const LinearShape &shape) {
  AtomAttr best = otherwise;
  auto consider = [&](AtomAttr atom) {
    if (timeOfBlock(target, atom, shape) < timeOfBlock(target, best, shape))
      best = atom;
  };
  for (AtomAttr atom : more)
    consider(atom);
  // Weights for AMX are summed by dpbusd.
  if (shape.inIntegers && target.findAtom("dpbusd"))
    for (AtomAttr atom : target.getAtoms())
      if (isIntegerAtom(atom.getKind()))
        consider(atom);
  return best;
}

namespace {
struct RegisterTile {
  int64_t rows, panels;
};
} // namespace

/// Most accumulators; among equals fewest loads. Up to 8 rows by 3 panels:
/// larger tiles gain nothing (measured). `panelStep`: panels divide it or are
/// divided by it, so that tiles fill blocks of whole heads.
static RegisterTile registerTile(TargetAttr target, AtomAttr atom,
                                 int64_t panelStep) {
  if (isTileAtom(atom))
    return {2 * atom.getM(), 2};
  int64_t vectorsOfPanel = std::max<int64_t>(panelWidth / target.getLanes(), 1);
  RegisterTile best = {1, 1};
  auto accumulators = [&](RegisterTile tile) {
    return tile.rows * tile.panels * vectorsOfPanel;
  };
  auto loads = [&](RegisterTile tile) {
    return tile.rows + tile.panels * vectorsOfPanel;
  };
  for (int64_t panels = 1; panels <= 3; ++panels)
    for (int64_t rows = 1; rows <= 8; ++rows) {
      RegisterTile tile = {rows, panels};
      bool fits = accumulators(tile) + panels * vectorsOfPanel + 1 <=
                  target.getRegisters();
      if (!fits || (panels % panelStep && panelStep % panels))
        continue;
      if (accumulators(tile) > accumulators(best) ||
          (accumulators(tile) == accumulators(best) &&
           loads(tile) < loads(best)))
        best = tile;
    }
  return best;
}

LinearScheduleAttr scheduleLinear(TargetAttr target, AtomAttr atom,
                                  const LinearShape &shape) {
  RegisterTile tile = registerTile(target, atom, shape.panelsOfHead);

  // Weights that are decoded stay in half of L1 while rows go by. Those that
  // are read where they lie come from L2 as fast as they are multiplied, and
  // each pass costs the sums once to L1 and back: few, deep passes. AMX is
  // faster than L2. Passes are equally deep, in blocks of 32 (Q4, Q8).
  bool pairs = atom.getKind().getValue().contains("f16");
  bool ofF16 = multipliesF16(atom.getKind());
  bool inPlace = ofF16 ? shape.inF16 : pairs ? shape.inBf16 : shape.inF32;
  int64_t element = pairs ? 2 : sizeof(float), panelRow = panelWidth * element;
  if (atom.getKind() == kAmxInParts) {
    panelRow *= shape.parts;
    element *= kPartsOfF32;
  }
  if (ofF16) // with room for both parts of x
    element *= 2;
  int64_t fast = !inPlace || isTileAtom(atom) ? target.getL1() / 2
                 : pairs                      ? target.getL2() / 4
                                              : target.getL2() / 8;
  // Integers take a byte each, and three vectors of scales a block of 32.
  int64_t fastRow = isIntegerAtom(atom.getKind())
                        ? panelWidth + 3 * panelWidth * 4 / 32
                        : panelRow;
  int64_t deepest =
      std::max<int64_t>(fast / (tile.panels * fastRow) / 32 * 32, 32);
  int64_t passes = llvm::divideCeil(shape.depth, deepest);
  int64_t blockK = llvm::alignTo(llvm::divideCeil(shape.depth, passes), 32);

  // One group of panels after another is enough of them where weights are read
  // in place: rows of the result are written in long runs, and are still near
  // when the epilogue writes them. Decoded panels of a block stay in half of
  // L2; there more rows and longer runs share it (prefill of SmolLM2 in Q4
  // gains 2 to 5 % of the peak).
  int64_t step = std::lcm(tile.panels, shape.panelsOfHead);
  int64_t panelBytes =
      shape.depth * panelRow * std::max<int64_t>(shape.weights, 1);
  int64_t fitting = target.getL2() / 2 / panelBytes;
  int64_t wanted = std::min(fitting, llvm::divideCeilSigned(shape.panels, 16));
  if (inPlace)
    wanted = std::min<int64_t>(pairs ? 24 : 12,
                               llvm::divideCeilSigned(shape.panels, 4));
  else if (!pairs)
    wanted = std::max<int64_t>(wanted, std::min<int64_t>(shape.panels, 12));
  int64_t blockPanels = llvm::alignTo(std::max<int64_t>(wanted, 1), step);
  // What a pass reads of a block's rows stays in a third of L2 beside weights
  // in place.
  int64_t share = inPlace ? pairs ? 4 : 3 : pairs ? 2 : 1;
  int64_t most = inPlace ? 128 : 256;
  int64_t depth = inPlace && !pairs ? blockK : shape.depth;
  int64_t rows = target.getL2() / share / (depth * element);
  int64_t blockRows =
      std::clamp<int64_t>(rows / tile.rows, 1,
                          std::max<int64_t>(most / tile.rows, 1)) *
      tile.rows;
  return LinearScheduleAttr::get(target.getContext(), atom.getKind(), tile.rows,
                                 tile.panels, blockRows, blockPanels, blockK);
}

//===----------------------------------------------------------------------===//
// Schedules from elsewhere
//===----------------------------------------------------------------------===//

static std::string check(ArrayRef<std::pair<bool, std::string>> rules) {
  for (const auto &[holds, text] : rules)
    if (!holds)
      return text;
  return {};
}

static bool isTileAtom(StringAttr kind) {
  return kind.getValue().starts_with("amx");
}

std::string whyUnusable(TargetAttr target, AttentionScheduleAttr s) {
  // Weights of two keys are a pair; AMX multiplies 32 keys at once.
  int64_t step = isTileAtom(s.getAtom())                   ? 32
                 : s.getAtom().getValue().contains("bf16") ? 2
                                                           : 1;
  std::string lanes = std::to_string(target.getLanes());
  // Three quarters of the registers are accumulators, of one key (pairs: two)
  // at least.
  int64_t most = isTileAtom(s.getAtom())
                     ? 1024
                     : target.getRegisters() * 3 / 4 / step * target.getLanes();
  return check({
      {bool(target.findAtom(s.getAtom().getValue())),
       "the target has no atom " + s.getAtom().str()},
      {s.getQueries() > 0 && s.getQueries() <= most &&
           s.getQueries() % target.getLanes() == 0,
       "queries must be a multiple of " + lanes +
           " (the lanes of a vector), up to " + std::to_string(most)},
      {s.getKeyTile() > 0 && s.getKeyTile() <= 64, "key_tile must be 1 to 64"},
      {s.getKeyTile() % step == 0, "key_tile must be a multiple of " +
                                       std::to_string(step) + " for " +
                                       s.getAtom().str()},
      {s.getKeys() > 0 && s.getKeys() <= 4096 &&
           s.getKeys() % s.getKeyTile() == 0,
       "keys must be a multiple of key_tile, up to 4096"},
      {s.getHeadTile() > 0 && s.getHeadTile() <= 64,
       "head_tile must be 1 to 64"},
  });
}

std::string whyUnusable(TargetAttr target, LinearScheduleAttr s,
                        const LinearShape &shape) {
  return check({
      {bool(issuedAtom(target, s.getAtom())),
       "the target has no atom " + s.getAtom().str()},
      {!isIntegerAtom(s.getAtom()) || shape.inIntegers,
       "the weights are not all in blocks of integers, which " +
           s.getAtom().str() + " multiplies"},
      {!multipliesF16(s.getAtom()) || shape.inF16,
       "the weights are not all of f16, which " + s.getAtom().str() +
           " multiplies"},
      {s.getRows() > 0 && s.getRows() <= 64, "rows must be 1 to 64"},
      {s.getPanels() > 0 && s.getPanels() <= 16, "panels must be 1 to 16"},
      {!isTileAtom(s.getAtom()) ||
           (s.getRows() % 16 == 0 && s.getRows() / 16 * s.getPanels() +
                                             s.getRows() / 16 + s.getPanels() <=
                                         8),
       "rows must be a multiple of 16, and sums and operands at most 8 tiles"},
      {s.getBlockRows() > 0 && s.getBlockRows() <= 4096 &&
           s.getBlockRows() % s.getRows() == 0,
       "block_rows must be a multiple of rows, up to 4096"},
      {s.getBlockPanels() > 0 && s.getBlockPanels() <= 65536 &&
           s.getBlockPanels() % s.getPanels() == 0,
       "block_panels must be a multiple of panels, up to 65536"},
      {s.getBlockPanels() % shape.panelsOfHead == 0,
       "block_panels must be a multiple of " +
           std::to_string(shape.panelsOfHead) + ", so that heads are whole"},
      {s.getBlockK() > 0 && s.getBlockK() % 32 == 0,
       "block_k must be a multiple of 32"},
  });
}

} // namespace heed
