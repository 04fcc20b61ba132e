//===- KernelBound.cpp - How fast a kernel could be on a machine ----------===//
#include "tools/heed/bench/KernelBound.h"

#include "codegen/attention/AttentionTiling.h"
#include "codegen/attention/DistanceTerms.h"
#include "codegen/attention/KeysInLanes.h"
#include "codegen/pack/PackedLayout.h"
#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "passes/PairCounts.h"
#include "passes/TablePairs.h"
#include "passes/TileCosts.h"
#include "runtime/support/Text.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

#include <map>

using namespace mlir;
using namespace heed::attn;

namespace heed {

bool KernelBound::isLike(const KernelBound &other) const {
  auto key = [](const KernelBound &of) {
    return std::tie(of.name, of.tile, of.atom, of.work, of.visited, of.products,
                    of.softmax, of.bytes, of.memory);
  };
  return key(*this) == key(other);
}

double productSeconds(const MachineRates::Atom &atom,
                      const MachineRates::Vectors *vectors, double operations,
                      double loadsOfIssue) {
  double fed = atom.fed > 0 ? atom.fed : atom.registers;
  double seconds = operations / fed / 1e9;
  // Tiles of AMX are measured with the loads that they need.
  if (!vectors || StringRef(atom.kind).starts_with("amx"))
    return seconds;
  double elements = atom.kind == "dpbf16" ? 2 : atom.kind == "dpbusd" ? 4 : 1;
  double loads = operations / (2 * elements * atom.lanes) * loadsOfIssue;
  return std::max(seconds, loads * 4 * atom.lanes / vectors->loads / 1e9);
}

/// Of a register tile whose operands are each loaded once a step.
static double loadsOfIssue(double broadcasts, double vectors) {
  return 1 / broadcasts + 1 / vectors;
}

namespace {

class Bounds {
public:
  Bounds(ModuleOp module, const MachineRates &rates, const BenchInputs &inputs)
      : module(module),
        target(module->getAttrOfType<TargetAttr>("attn.target")), rates(rates),
        inputs(inputs), masks(module) {}

  Status function(func::FuncOp function) {
    for (auto [i, argument] : llvm::enumerate(function.getArguments()))
      if (auto name = function.getArgAttrOfType<StringAttr>(i, "attn.name")) {
        auto found = inputs.tables.find(name.str());
        if (found != inputs.tables.end())
          tables[argument] = found->second;
      }
    for (Operation &op : function.getBody().front()) {
      Status done;
      if (auto call = dyn_cast<func::CallOp>(op))
        done =
            this->function(SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                call, call.getCalleeAttr()));
      else if (auto attention = dyn_cast<AttentionOp>(op))
        done = add(attention);
      else if (auto linear = dyn_cast<FusedLinearOp>(op))
        done = add(linear);
      if (!done)
        return done;
    }
    return {};
  }
  /// What all kernels read is read again by the next call: it comes from the
  /// cache that holds all of it.
  bool isEmpty() const { return kernels.empty(); }
  std::vector<KernelBound> take() {
    double bytes = 0;
    for (const KernelBound &kernel : kernels)
      bytes += kernel.bytes;
    if (double rate = rates.readRate(bytes); rate > 0)
      for (KernelBound &kernel : kernels)
        kernel.memory = kernel.bytes / rate / 1e9;
    return std::move(kernels);
  }

private:
  /// Bytes of an input of the model; what another op made is in a near cache,
  /// and counts nothing.
  double bytesOf(Value tensor) const {
    auto argument = dyn_cast<BlockArgument>(tensor);
    if (!argument || !argument.getOwner()->getParentOp()->hasAttr("attn.entry"))
      return 0;
    Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
    return inputs.elementsOf(tensor) * element.getIntOrFloatBitWidth() / 8;
  }

  struct Needed {
    const MachineRates::Atom *atom;
    const MachineRates::Vectors *vectors; // null: only products count
  };
  Result<Needed> ratesOf(StringAttr kind) const {
    AtomAttr atom = issuedAtom(target, kind);
    int lanes = static_cast<int>(target.getLanes());
    Needed found{
        atom ? rates.atom(atom.getKind().str(), static_cast<int>(atom.getN()))
             : nullptr,
        rates.vectorsOf(lanes)};
    if (!found.atom)
      return Error{concat("the rate table has no atom ", kind.str(), " of ",
                          atom ? atom.getN() : 0, " lanes")};
    return found;
  }

  /// Time of the score rule for one score over that of its softmax: functions
  /// take as long as another exp2, everything else one issue.
  double ruleOverSoftmax(AttentionOp op, const Needed &of) const {
    if (!of.vectors)
      return 0;
    double issues = 0, functions = 0;
    if (!op.getScore().empty()) {
      // What depends on kv - q is computed for few of the pairs.
      DenseSet<Operation *> ofDistance;
      if (headsOfTile(op) == 1)
        ofDistance =
            opsOfTerms(op.getScore(), distanceTerms(op.getScore(), 1, 2));
      for (Operation &inner : op.getScore().front().without_terminator()) {
        if (!isa<FloatType>(inner.getResult(0).getType()) ||
            isa<arith::ConstantOp>(inner) || ofDistance.contains(&inner))
          continue;
        bool function = isa<math::MathDialect>(inner.getDialect()) &&
                        !isa<math::FmaOp>(inner);
        (function ? functions : issues) += 1;
      }
    }
    // One issue for a vector of scores, at the rate of multiply-adds.
    const MachineRates::Atom *fma =
        rates.atom("fma_f32", static_cast<int>(target.getLanes()));
    double issueRate = fma ? fma->registers / 2 : of.vectors->softmaxBeside;
    return functions + issues * of.vectors->softmaxBeside / issueRate;
  }

  /// Rows that look at the same keys: those of a tensor, or the new ones of a
  /// sequence of which a cache holds `past`.
  struct Rows {
    int64_t past, queries, keys;
    double repeats; // sequences that are alike
  };
  Result<std::vector<Rows>> rowsOf(AttentionOp op) const {
    if (!op.getQRows())
      return std::vector<Rows>{
          {0, int64_t(inputs.sizeOf(op.getQ(), op.getQAxis())),
           int64_t(inputs.sizeOf(op.getK(), op.getKvAxis())), 1}};
    if (op.getKvRows() && op.getKvRows() != op.getQRows())
      return Error{"attention to another sequence has no bound"};
    std::map<std::pair<int64_t, int64_t>, double> alike;
    for (const RaggedPiece &piece : inputs.pieces)
      ++alike[{piece.past, piece.rows}];
    std::vector<Rows> rows;
    for (auto [piece, count] : alike)
      rows.push_back(
          {piece.first, piece.second, piece.first + piece.second, count});
    return rows;
  }

  /// Bytes of a key and its value in all heads that have their own; 0 where
  /// another kernel of the call made them.
  double bytesOfKey(AttentionOp op) const {
    if (auto cache = dyn_cast<CacheType>(op.getK().getType()))
      return 2.0 * double(cache.getKvHeads() * cache.getHead()) *
             cache.getElement().getIntOrFloatBitWidth() / 8;
    return (bytesOf(op.getK()) + bytesOf(op.getV())) /
           inputs.sizeOf(op.getK(), op.getKvAxis());
  }

  Status add(AttentionOp op) {
    MaskFacts &facts = masks.of(op);
    if (!facts.error().empty())
      return Error{"the mask is not understood: " + facts.error()};
    AttentionScheduleAttr schedule = op.getScheduleAttr();
    if (!schedule)
      return Error{"an attention without a schedule has no bound"};
    Result<Needed> needed = ratesOf(schedule.getAtom());
    if (!needed)
      return needed.error();
    Result<std::vector<Rows>> all = rowsOf(op);
    if (!all)
      return all.error();
    AttentionTiling tiling = AttentionTiling::choose(op, target);
    double head = inputs.sizeOf(op.getQ(), axis::Head);
    int64_t tileQueries =
        std::max<int64_t>(tiling.tiles.front().rows / tiling.group, 1);
    // Every other axis of q repeats the same: heads, batch.
    double repeats = inputs.elementsOf(op.getQ()) /
                     inputs.sizeOf(op.getQ(), op.getQAxis()) / head;
    // But where each head has a mask of its own.
    int64_t heads =
        variesByHead(op) ? int64_t(inputs.sizeOf(op.getQ(), axis::Heads)) : 1;

    KernelBound bound;
    bound.name = "attention";
    bound.atom = schedule.getAtom().str();
    bound.overlap = schedule.getAtom().getValue().starts_with("amx");
    bound.bytes = bytesOf(op.getQ());
    double rule = ruleOverSoftmax(op, *needed), allowed = 0, visited = 0;
    for (const Rows &rows : *all)
      for (int64_t h = 0; h < heads; ++h) {
        Result<PairCounts> pairs = pairsOf(op, facts, rows, tileQueries, h);
        if (!pairs)
          return pairs.error();
        double times = rows.repeats * repeats / double(heads), keysOfTiles = 0;
        allowed += double(pairs->allowed) * times;
        int64_t left = rows.queries;
        for (int64_t tilePairs : pairs->visited) {
          int64_t here = std::min(left, tileQueries);
          left -= here;
          visited += double(tilePairs) * times;
          double keys = double(tilePairs) / double(here);
          keysOfTiles += keys;
          const AttentionTile &tile = *llvm::find_if(
              llvm::reverse(tiling.tiles), [&](const auto &tile) {
                return tile.rows >= here * tiling.group;
              });
          if (bound.tile.empty())
            bound.tile = concat(tile.rows, " rows x ", tile.keyTile, " keys");
          addTile(bound, tile, *needed, keys, head, rule,
                  times / double(tiling.group));
        }
        // Some tile reads a key, or none does; those of the call's own rows
        // were made by a kernel before.
        double there = isa<CacheType>(op.getK().getType()) ? double(rows.past)
                                                           : double(rows.keys);
        bound.bytes += bytesOfKey(op) * std::min(there, keysOfTiles) *
                       rows.repeats / double(heads);
      }
    bound.work = 4 * head * allowed;
    bound.visited = allowed > 0 ? visited / allowed : 1;
    kernels.push_back(bound);
    return {};
  }

  Result<PairCounts> pairsOf(AttentionOp op, MaskFacts &facts, const Rows &rows,
                             int64_t tileQueries, int64_t head) {
    std::optional<PairCounts> pairs;
    if (llvm::any_of(op.getMask().getSymbols(),
                     [](MaskSymbolAttr symbol) { return symbol.isOpaque(); }))
      pairs =
          countPairsOfTables(op, rows.queries, rows.keys, tileQueries, tables);
    if (!pairs && !facts.conditions().conditions.empty())
      return Error{concat("how much the mask's tables allow is known only when "
                          "it runs",
                          op.getQRows() ? "" : ": give the inputs with --in")};
    if (!pairs)
      pairs = rows.past ? countPairsBehind(op, facts, rows.past, rows.queries,
                                           tileQueries, head)
                        : countPairs(op, facts, rows.queries, rows.keys,
                                     tileQueries, head);
    if (!pairs)
      return Error{"the mask's ranges are known only when it runs"};
    return *pairs;
  }

  /// `keys` keys for a tile, which has all its rows computed.
  void addTile(KernelBound &bound, const AttentionTile &tile,
               const Needed &needed, double keys, double head, double rule,
               double repeats) {
    int64_t lanes = target.getLanes();
    double scores = keys * double(tile.rows), filled = 1, scoreLoads, outLoads;
    if (tile.keysInLanes) {
      // A few features of a key are loaded for all rows, which stay in
      // registers beside each other; a vector of values likewise.
      RowVectors order(tile.rows, lanes);
      scores = double(tile.rows) *
               double(llvm::alignTo(uint64_t(keys), uint64_t(lanes)));
      filled = double(order.rows * order.vectors) / double(tile.rows);
      scoreLoads = 1 / double(order.vectors);
      outLoads = 1 / double(tile.rows);
    } else {
      double vectors = double(tile.rows) / double(lanes);
      scoreLoads = loadsOfIssue(double(tile.keyTile), vectors);
      outLoads = loadsOfIssue(double(tile.headTile), vectors);
    }
    double operations = 2 * head * scores * repeats;
    bound.products +=
        productSeconds(*needed.atom, needed.vectors, operations * filled,
                       scoreLoads) +
        productSeconds(*needed.atom, needed.vectors, operations, outLoads);
    if (!needed.vectors)
      return;
    double rate =
        bound.overlap ? needed.vectors->softmax : needed.vectors->softmaxBeside;
    bound.softmax += scores * repeats * (1 + rule) / rate / 1e9;
  }

  Status add(FusedLinearOp op) {
    LinearScheduleAttr schedule = op.getScheduleAttr();
    if (!schedule)
      return Error{"a linear without a schedule has no bound"};
    Result<Needed> needed = ratesOf(schedule.getAtom());
    if (!needed)
      return needed.error();
    if (inputs.elementsOf(op.getX()) == 0)
      return {}; // no row is wanted
    KernelBound bound;
    bound.name = "linear";
    bound.atom = needed->atom->kind;
    // A tile has no more rows than there are.
    auto x = cast<RankedTensorType>(op.getX().getType());
    double rows =
        std::min(double(schedule.getRows()),
                 inputs.elementsOf(op.getX()) / double(x.getShape().back()));
    bound.tile = concat(int64_t(rows), rows == 1 ? " row x " : " rows x ",
                        schedule.getPanels() * 16, " outputs");
    bound.bytes = bytesOf(op.getX());
    for (Value weight : op.getWeights()) {
      auto type = cast<WeightType>(weight.getType());
      bound.work +=
          2 * inputs.elementsOf(op.getX()) * double(type.getShape()[0]);
      bound.bytes += double(packedBytes(type));
    }
    // Several products for one, and what makes sums of integers f32.
    ProductCost cost = productCost(schedule.getAtom(), shapeOf(op));
    if (cost.issues > 0) {
      const MachineRates::Atom *fma =
          rates.atom("fma_f32", static_cast<int>(target.getLanes()));
      if (!fma)
        return Error{"the rate table has no atom fma_f32"};
      bound.products = bound.work / 32 * cost.issues / fma->registers / 1e9;
    }
    double work = bound.work * cost.times;
    bound.products +=
        productSeconds(*needed->atom, needed->vectors, work,
                       loadsOfIssue(rows, double(schedule.getPanels() * 16) /
                                              double(target.getLanes())));
    kernels.push_back(bound);
    return {};
  }

  std::vector<KernelBound> kernels;
  ModuleOp module;
  TargetAttr target;
  const MachineRates &rates;
  const BenchInputs &inputs;
  TableValues tables; // of the entry's arguments
  MaskAnalysis masks;
};

} // namespace

Result<std::vector<KernelBound>> kernelBounds(ModuleOp scheduled,
                                              const MachineRates &rates,
                                              const BenchInputs &inputs) {
  Bounds bounds(scheduled, rates, inputs);
  for (auto function : scheduled.getOps<func::FuncOp>())
    if (function->hasAttr("attn.entry"))
      if (Status done = bounds.function(function); !done)
        return done.error();
  if (bounds.isEmpty())
    return Error{"the model has no attention and no linear"};
  return bounds.take();
}

} // namespace heed
