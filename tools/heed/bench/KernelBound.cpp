//===- KernelBound.cpp - How fast a kernel could be on a machine ----------===//
#include "tools/heed/bench/KernelBound.h"

#include "codegen/attention/AttentionTiling.h"
#include "codegen/attention/DistanceTerms.h"
#include "codegen/attention/KeysInLanes.h"
#include "codegen/pack/PackedLayout.h"
#include "ir/Axes.h"
#include "ir/Grouping.h"
#include "passes/TablePairs.h"
#include "passes/TileCosts.h"
#include "runtime/support/Text.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

double productSeconds(const MachineRates::Atom &atom,
                      const MachineRates::Vectors &vectors, double operations,
                      double loadsOfIssue) {
  double fed = atom.fed > 0 ? atom.fed : atom.registers;
  double seconds = operations / fed / 1e9;
  // Tiles of AMX are measured with the loads that they need.
  if (StringRef(atom.kind).starts_with("amx"))
    return seconds;
  double elements = atom.kind == "dpbf16" ? 2 : atom.kind == "dpbusd" ? 4 : 1;
  double loads = operations / (2 * elements * atom.lanes) * loadsOfIssue;
  return std::max(seconds, loads * 4 * atom.lanes / vectors.loads / 1e9);
}

/// Of a register tile whose operands are each loaded once a step.
static double loadsOfIssue(double broadcasts, double vectors) {
  return 1 / broadcasts + 1 / vectors;
}

namespace {

class Bounds {
public:
  Bounds(ModuleOp module, const MachineRates &rates, const BenchInputs &inputs,
         int64_t otherwise)
      : module(module),
        target(module->getAttrOfType<TargetAttr>("attn.target")), rates(rates),
        inputs(inputs), otherwise(otherwise), masks(module) {}

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
  bool isEmpty() const { return all.empty(); }
  std::vector<KernelBound> take() {
    double bytes = 0;
    for (const KernelBound &kernel : all)
      bytes += kernel.bytes;
    if (double rate = rates.readRate(bytes); rate > 0)
      for (KernelBound &kernel : all)
        kernel.memory = kernel.bytes / rate / 1e9;
    return std::move(all);
  }

private:
  double sizeOf(StringAttr axis, int64_t size) const {
    if (!ShapedType::isDynamic(size))
      return double(size);
    auto given = inputs.sizes.find(axis.str());
    return double(given == inputs.sizes.end() ? otherwise : given->second);
  }
  double axisOf(Value tensor, StringRef axis) const {
    auto type = cast<RankedTensorType>(tensor.getType());
    for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
      if (name.getValue() == axis)
        return sizeOf(name, size);
    return 1;
  }
  double elementsOf(Value tensor) const {
    auto type = cast<RankedTensorType>(tensor.getType());
    double count = 1;
    for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
      count *= sizeOf(name, size);
    return count;
  }

  /// Bytes of an input of the model; what another op made is in a near cache,
  /// and counts nothing.
  double bytesOf(Value tensor) const {
    auto argument = dyn_cast<BlockArgument>(tensor);
    if (!argument || !argument.getOwner()->getParentOp()->hasAttr("attn.entry"))
      return 0;
    Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
    return elementsOf(tensor) * element.getIntOrFloatBitWidth() / 8;
  }

  struct Needed {
    const MachineRates::Atom *atom;
    const MachineRates::Vectors *vectors;
  };
  Result<Needed> ratesOf(StringAttr kind) const {
    AtomAttr atom = target.findAtom(kind.getValue());
    int lanes = static_cast<int>(target.getLanes());
    Needed found{
        atom ? rates.atom(kind.getValue(), static_cast<int>(atom.getN()))
             : nullptr,
        rates.vectorsOf(lanes)};
    if (!found.atom)
      return Error{concat("the rate table has no atom ", kind.str(), " of ",
                          atom ? atom.getN() : 0, " lanes")};
    if (!found.vectors)
      return Error{
          concat("the rate table has no vectors of ", lanes, " lanes")};
    return found;
  }

  /// Time of the score rule for one score over that of its softmax: functions
  /// take as long as another exp2, everything else one issue.
  double ruleOverSoftmax(AttentionOp op, const Needed &of) const {
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

  Status add(AttentionOp op) {
    MaskFacts &facts = masks.of(op);
    if (!facts.error().empty())
      return Error{"the mask is not understood: " + facts.error()};
    AttentionScheduleAttr schedule = op.getScheduleAttr();
    if (!schedule || op.getQRows() ||
        !isa<RankedTensorType>(op.getK().getType()))
      return Error{"only attentions of plain tensors, with a schedule, have a "
                   "bound"};
    Result<Needed> needed = ratesOf(schedule.getAtom());
    if (!needed)
      return needed.error();
    AttentionTiling tiling = AttentionTiling::choose(op, target);
    double queries = axisOf(op.getQ(), op.getQAxis());
    double keys = axisOf(op.getK(), op.getKvAxis());
    double head = axisOf(op.getQ(), axis::Head);
    int64_t tileQueries =
        std::max<int64_t>(tiling.tiles.front().rows / tiling.group, 1);
    std::optional<PairCounts> pairs;
    if (llvm::any_of(op.getMask().getSymbols(),
                     [](MaskSymbolAttr symbol) { return symbol.isOpaque(); }))
      pairs = countPairsOfTables(op, int64_t(queries), int64_t(keys),
                                 tileQueries, tables);
    if (!pairs && !facts.conditions().conditions.empty())
      return Error{"how much the mask's tables allow is known only when it "
                   "runs: give the inputs with --in"};
    if (!pairs)
      pairs =
          countPairs(op, facts, int64_t(queries), int64_t(keys), tileQueries);
    if (!pairs)
      return Error{"the mask's ranges are known only when it runs"};
    // Every other axis of q repeats the same: heads, batch.
    double repeats = elementsOf(op.getQ()) / queries / head;

    KernelBound bound;
    bound.name = "attention";
    bound.atom = schedule.getAtom().str();
    bound.work = 4 * head * double(pairs->allowed) * repeats;
    bound.overlap = schedule.getAtom().getValue().starts_with("amx");
    double rule = ruleOverSoftmax(op, *needed), visited = 0, keysOfTiles = 0;
    int64_t left = int64_t(queries);
    for (int64_t tilePairs : pairs->visited) {
      int64_t here = std::min(left, tileQueries);
      left -= here;
      visited += double(tilePairs);
      keysOfTiles += double(tilePairs) / double(here);
      const AttentionTile &tile =
          *llvm::find_if(llvm::reverse(tiling.tiles), [&](const auto &tile) {
            return tile.rows >= here * tiling.group;
          });
      addTile(bound, tile, *needed, double(tilePairs) / double(here), head,
              rule, repeats / double(tiling.group));
    }
    // Some tile reads a key, or none does.
    double keysRead = std::min(keys, keysOfTiles);
    bound.bytes = bytesOf(op.getQ()) +
                  (bytesOf(op.getK()) + bytesOf(op.getV())) * keysRead / keys;
    bound.visited = pairs->allowed ? visited / double(pairs->allowed) : 1;
    bound.tile = concat(tiling.tiles.front().rows, " rows x ",
                        tiling.tiles.front().keyTile, " keys");
    all.push_back(bound);
    return {};
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
        productSeconds(*needed.atom, *needed.vectors, operations * filled,
                       scoreLoads) +
        productSeconds(*needed.atom, *needed.vectors, operations, outLoads);
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
    KernelBound bound;
    bound.name = "linear";
    bound.atom = schedule.getAtom().str();
    bound.tile = concat(schedule.getRows(), " rows x ",
                        schedule.getPanels() * 16, " outputs");
    bound.bytes = bytesOf(op.getX());
    for (Value weight : op.getWeights()) {
      auto type = cast<WeightType>(weight.getType());
      bound.work += 2 * elementsOf(op.getX()) * double(type.getShape()[0]);
      bound.bytes += double(packedBytes(type));
    }
    // Integers: several products for one, and what makes their sums f32.
    std::optional<IntegerCost> integers = integerCost(
        target.findAtom(schedule.getAtom().getValue()), shapeOf(op));
    double work = bound.work;
    if (integers) {
      const MachineRates::Atom *fma =
          rates.atom("fma_f32", static_cast<int>(target.getLanes()));
      if (!fma)
        return Error{"the rate table has no atom fma_f32"};
      bound.products =
          bound.work / 32 * integers->issues / fma->registers / 1e9;
      work *= integers->times;
    }
    bound.products +=
        productSeconds(*needed->atom, *needed->vectors, work,
                       loadsOfIssue(double(schedule.getRows()),
                                    double(schedule.getPanels() * 16) /
                                        double(target.getLanes())));
    all.push_back(bound);
    return {};
  }

  std::vector<KernelBound> all;
  ModuleOp module;
  TargetAttr target;
  const MachineRates &rates;
  const BenchInputs &inputs;
  TableValues tables; // of the entry's arguments
  int64_t otherwise;
  MaskAnalysis masks;
};

} // namespace

Result<std::vector<KernelBound>> kernelBounds(ModuleOp scheduled,
                                              const MachineRates &rates,
                                              const BenchInputs &inputs,
                                              int64_t otherwise) {
  Bounds bounds(scheduled, rates, inputs, otherwise);
  for (auto function : scheduled.getOps<func::FuncOp>())
    if (function->hasAttr("attn.entry"))
      if (Status done = bounds.function(function); !done)
        return done.error();
  if (bounds.isEmpty())
    return Error{"the model has no attention and no linear"};
  return bounds.take();
}

} // namespace heed
