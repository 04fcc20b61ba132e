#include "tools/heed/VerifyFacts.h"

#include "ir/Axes.h"
#include "ir/TileTest.h"
#include "passes/LeakWords.h"
#include "passes/MaskFlow.h"
#include "passes/masks/MaskCount.h"
#include "tools/heed/Report.h"
#include "tools/heed/VerifyLengths.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

#include <map>

using namespace heed;
using namespace heed::attn;
using namespace mlir;
using masks::FlowGraph;
using masks::Verdict;

/// Of one step of a receptive field, of which a stack has many. What is not
/// found in it is said to be so.
static constexpr int64_t FieldAllowance = masks::Exact::defaultAllowance / 16;

static Fact::Verdict of(Verdict verdict) {
  return verdict == Verdict::Holds   ? Fact::Proved
         : verdict == Verdict::Fails ? Fact::Fails
                                     : Fact::NotProved;
}

std::string heed::placeOf(Location at) {
  auto line = at->findInstanceOf<FileLineColLoc>();
  return line ? std::to_string(line.getLine()) + ":" +
                    std::to_string(line.getColumn())
              : "0:0";
}

std::string heed::fold(ArrayRef<std::string> layers) {
  std::string text;
  StringRef before; // the name of the layers so far
  for (size_t i = 0; i < layers.size();) {
    auto [name, number] = StringRef(layers[i++]).rsplit('.');
    text += text.empty() ? "" : ", ";
    int64_t first, next;
    if (number.getAsInteger(10, first)) {
      text += name.str();
      continue;
    }
    int64_t last = first;
    for (; i < layers.size(); ++i, ++last) {
      auto [other, end] = StringRef(layers[i]).rsplit('.');
      if (other != name || end.getAsInteger(10, next) || next != last + 1)
        break;
    }
    text += (name == before ? "" : name.str() + " ") + std::to_string(first) +
            (last > first ? "-" + std::to_string(last) : "");
    before = name;
  }
  return text;
}

/// Where the model file has its first entry.
static Location modelAt(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isPrivate())
      return function.getLoc();
  return module.getLoc();
}

ModelFacts::ModelFacts(ModuleOp module)
    : flow(module), at(modelAt(module)), aligned(promisesAligned(module)) {
  proveOutputs();
  findMasks(module);
  for (MaskUse &use : masks)
    proveMask(use);
  proveCaches(module);
}

void ModelFacts::add(Fact fact, double since) {
  fact.seconds = now() - since;
  facts.push_back(std::move(fact));
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

void ModelFacts::proveOutputs() {
  for (const EntryFlow &entry : flow.entries()) {
    for (const EntryFlow::Output &output : entry.outputs) {
      double started = now();
      outputs.push_back(
          {&entry, &output, computeFlowCausality(entry.graph, output.node)});
      const masks::FlowCausality &found = outputs.back().causality;
      Fact fact{output.name, "causal", of(found.verdict), "",
                entry.graph.getNodes()[output.node].at};
      fact.entry = &entry;
      if (found.verdict == Verdict::Holds)
        fact.words = found.eachAlone
                         ? "no row depends on a later one: no op looks ahead"
                         : "no row depends on a later one: by all ops together";
      else if (found.leak) {
        LeakWords leak = inWords(entry, output, *found.leak);
        fact.words = leak.summary;
        fact.at = leak.at;
        fact.notes.assign(leak.steps.begin(), leak.steps.end());
      } else {
        fact.words = found.reason.empty() ? "a row depends on a later one"
                                          : found.reason;
      }
      add(fact, started);
      for (const EntryFlow::Source &source : entry.sources) {
        started = now();
        auto reads =
            entry.graph.between(output.node, source.node, FieldAllowance);
        if (reads)
          add({output.name, "reads", Fact::Found,
               entry.graph.getNodes()[source.node].name + " " +
                   printed(masks::computeReceptiveField(*reads)),
               fact.at},
              started);
      }
    }
    std::map<Operation *, std::vector<std::string>> names;
    std::vector<const EntryFlow::Layer *> distinct;
    for (const EntryFlow::Layer &layer : entry.layers) {
      std::vector<std::string> &all = names[func::FuncOp(layer.function)];
      if (all.empty())
        distinct.push_back(&layer);
      all.push_back(layer.name);
    }
    for (const EntryFlow::Layer *layer : distinct) {
      double started = now();
      auto reads = entry.graph.between(layer->out, layer->in, FieldAllowance);
      add({fold(names[func::FuncOp(layer->function)]), "reads", Fact::Found,
           reads ? printed(masks::computeReceptiveField(*reads)) : "nothing",
           entry.graph.getNodes()[layer->out].at},
          started);
    }
  }
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// The scores that a mask is of.
static ScoresOp scoresOf(Value x) {
  while (Operation *op = x.getDefiningOp()) {
    if (auto scores = dyn_cast<ScoresOp>(op))
      return scores;
    if (!isa<ScoreMapOp, MaskOp>(op))
      break;
    x = op->getOperand(0);
  }
  return {};
}

void ModelFacts::findMasks(ModuleOp module) {
  std::map<Operation *, std::vector<std::string>> layersOf;
  for (const EntryFlow &entry : flow.entries())
    for (const EntryFlow::Layer &layer : entry.layers)
      layersOf[func::FuncOp(layer.function)].push_back(layer.name);
  using Key = std::tuple<const void *, std::string, bool, bool>;
  std::map<Key, size_t> known;
  module.walk([&](MaskOp op) {
    ScoresOp scores = scoresOf(op.getX());
    MaskUse use{op};
    use.cached = scores && isa<CacheType>(scores.getK().getType());
    use.ownRows = use.cached ||
                  (scores && (scores.getQRows()
                                  ? scores.getQRows() == scores.getKvRows()
                                  : scores.getQAxis() == scores.getKvAxis()));
    auto &layers = layersOf[op->getParentOfType<func::FuncOp>()];
    Key key{op.getMask().getAsOpaquePointer(), placeOf(op.getLoc()),
            use.ownRows, use.cached};
    auto [at, isNew] = known.try_emplace(key, masks.size());
    if (isNew)
      masks.push_back(use);
    MaskUse &all = masks[at->second];
    all.layers.insert(all.layers.end(), layers.begin(), layers.end());
  });
  for (MaskUse &use : masks) {
    llvm::sort(use.layers, [](const std::string &a, const std::string &b) {
      auto [nameA, numberA] = StringRef(a).rsplit('.');
      auto [nameB, numberB] = StringRef(b).rsplit('.');
      return std::tuple(nameA, numberA.size(), numberA) <
             std::tuple(nameB, numberB.size(), numberB);
    });
    use.layers.erase(llvm::unique(use.layers), use.layers.end());
    use.subject = use.layers.empty() ? "attention" : fold(use.layers);
  }
}

/// Multiplications and additions that one pair takes in all heads, with values
/// as wide as keys; nullopt where the scores come from elsewhere.
static std::optional<int64_t> operationsOfPair(MaskOp op) {
  Value x = op.getX();
  while (auto rule = x.getDefiningOp<ScoreMapOp>())
    x = rule.getX();
  auto scores = x.getDefiningOp<ScoresOp>();
  if (!scores)
    return std::nullopt;
  Type queries = scores.getQ().getType();
  return 4 * axisSize(queries, axis::Head) * axisSize(queries, axis::Heads);
}

/// What a tile visits. Where the kernel asks of each tile of keys, that it
/// visits no other is tested, not proved.
static std::string wordsOfTiles(MaskUse &use) {
  if (use.tiles.exact)
    return "a tile visits the keys that it needs and no other";
  MLIRContext *context = use.op->getContext();
  auto inexact = attn::TileBoundsAttr::get(context, false, {});
  if (attn::asksTiles(use.op.getMask(), inexact, attn::kUsualKeyTile))
    return use.tiles.reason + "; the kernel asks of each tile of keys whether "
                              "the mask may need it";
  return "more keys are visited or masked: " + use.tiles.reason;
}

void ModelFacts::proveMask(MaskUse &use) {
  double started = now();
  Location at = use.op.getLoc();
  attn::MaskAttr mask = use.op.getMask();
  use.set = symbolicMask(use.op, mask, mask.getDisjuncts(), use.error);
  if (!use.set)
    return add({use.subject, "mask", Fact::NotProved, use.error, at}, started);
  use.causality = computeCausality(*use.set);
  add({use.subject, "looks ahead", Fact::Found,
       use.causality.verdict == Verdict::Holds ? "never"
                                               : printed(use.causality),
       at},
      started);

  started = now();
  const bool sameRows = use.ownRows && !use.cached;
  const masks::RowFacts known{.amongKeys = use.ownRows,
                              .counted = sameRows || !use.op.getRows(),
                              .sameRows = sameRows,
                              .aligned = aligned};
  use.rows = computeRowCoverage(*use.set, known);
  std::string error;
  if (use.rows.verdict == Verdict::Unknown)
    if (auto own = symbolicMask(use.op, mask, withOwnKeys(mask), error))
      use.rows = computeRowCoverage(*own, known);
  Fact rows{use.subject, "rows covered", of(use.rows.verdict), "", at};
  rows.words = use.rows.verdict == Verdict::Unknown ? use.rows.reason
                                                    : printed(use.rows);
  add(rows, started);

  started = now();
  use.tileOptions.keysReachTile = use.ownRows;
  use.tiles = computeTileBounds(*use.set, use.tileOptions);
  add({use.subject, "tiles exact",
       use.tiles.exact ? Fact::Proved : Fact::NotProved, wordsOfTiles(use), at},
      started);

  started = now();
  use.cache = computeCacheCapacity(*use.set);
  add({use.subject, "live keys", Fact::Found, printed(use.cache), at}, started);

  started = now();
  masks::MaskCount count = computeMaskCount(*use.set, use.ownRows);
  std::string pairs = printed(count);
  if (std::optional<int64_t> flop = operationsOfPair(use.op))
    pairs = std::to_string(*flop) + " FLOP for each pair of a head: " + pairs;
  // A formula stands only where it says what the rows say at many lengths.
  add({use.subject, "pairs", count.formula ? Fact::Tested : Fact::Found, pairs,
       at},
      started);

  started = now();
  use.lengths = lengthDependence(use.op);
  ScoreMapOp rule = use.op.getX().getDefiningOp<ScoreMapOp>();
  add({use.subject, "no leak", Fact::Proved,
       rule ? "the mask stands after the score rule of " +
                  placeOf(rule.getLoc()) + " and before the softmax"
            : "the mask stands right before the softmax",
       at},
      started);
}

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

/// The functions of an entry's own ops and of its layers.
static llvm::SmallSetVector<Operation *, 4> functionsOf(const EntryFlow &flow) {
  llvm::SmallSetVector<Operation *, 4> functions;
  functions.insert(flow.entry);
  for (const EntryFlow::Layer &layer : flow.layers)
    functions.insert(layer.function);
  return functions;
}

/// The first op that takes a position from an index and not from its rows.
static Operation *countsFromZero(ModuleOp module, const EntryFlow &decoder) {
  Operation *found = nullptr;
  for (Operation *function : functionsOf(decoder))
    function->walk([&](Operation *op) {
      if (auto mask = dyn_cast<MaskOp>(op); mask && !mask.getRows())
        found = op;
      if (auto rope = dyn_cast<RopeOp>(op); rope && !rope.getRows())
        found = op;
      if (auto embed = dyn_cast<PositionEmbedOp>(op); embed && !embed.getRows())
        found = op;
      if (auto rule = dyn_cast<ScoreMapOp>(op); rule && !rule.getRows())
        found = op;
    });
  return found;
}

/// Whether a mask reads one of these words of the language itself, no table.
static bool readsWord(MaskOp op, ArrayRef<StringRef> words) {
  return llvm::any_of(op.getMask().getSymbols(), [&](MaskSymbolAttr symbol) {
    return symbol.getTable().getValue().empty() &&
           llvm::is_contained(words, symbol.getName().getValue());
  });
}

/// The first mask over keys of another sequence that reads q_len or kv_len.
static MaskOp readsLengths(const EntryFlow &decoder) {
  MaskOp found;
  for (Operation *function : functionsOf(decoder))
    function->walk([&](MaskOp op) {
      ScoresOp scores = scoresOf(op.getX());
      if (scores && isa<CacheType>(scores.getK().getType()))
        return; // what is proved of these is exact
      if (!found && readsWord(op, {"q_len", "kv_len"}))
        found = op;
    });
  return found;
}

/// The first op that reads `b`, the number of a sequence among those of a call.
static Operation *readsBatch(const EntryFlow &decoder) {
  constexpr unsigned batchArgument = 4; // of a score rule
  Operation *found = nullptr;
  for (Operation *function : functionsOf(decoder))
    function->walk([&](Operation *op) {
      bool reads = false;
      if (auto mask = dyn_cast<MaskOp>(op))
        reads = readsWord(mask, {"b"});
      else if (auto rule = dyn_cast<ScoreMapOp>(op))
        reads = !rule.getBody().getArgument(batchArgument).use_empty();
      if (reads && !found)
        found = op;
    });
  return found;
}

void ModelFacts::proveCaches(ModuleOp module) {
  for (const EntryFlow &entry : flow.entries()) {
    if (entry.cached.empty())
      continue;
    double started = now();
    decoder = &entry;
    SmallVector<unsigned> nodes = entry.cached;
    for (const EntryFlow::Output &output : entry.outputs)
      nodes.push_back(output.node);
    licence = computeCacheLicence(entry.graph, nodes);
    Fact fact{"caches", "cacheable", Fact::Proved, "", entry.entry->getLoc()};
    if (licence->relation)
      fact.at = entry.graph.getRelations()[*licence->relation].at;
    if (licence->firstChunk == 1) {
      fact.words = "a kept row depends on no later token";
    } else if (licence->firstChunk) {
      std::string first = std::to_string(*licence->firstChunk);
      fact.words = "when the first call has at least " + first +
                   " tokens, which the executable sees to: its first " + first +
                   " rows see each other, later ones no later row";
    } else {
      fact.verdict = Fact::Fails;
      fact.words = licence->reason;
    }
    add(fact, started);

    started = now();
    Fact same{"calls", "prefill = chunks = decode", Fact::Proved,
              "masks, ropes and score rules read positions, and kept rows stay",
              entry.entry->getLoc()};
    if (Operation *index = countsFromZero(module, entry)) {
      same.verdict = Fact::Fails;
      same.at = index->getLoc();
      same.words = "`" + index->getName().getStringRef().str() +
                   "` counts from the call's first row";
    }
    if (Operation *reads = readsBatch(entry)) {
      same.verdict = Fact::Fails;
      same.at = reads->getLoc();
      same.words = "`b` counts the sequences of a call: one alone has another "
                   "number than among others";
    }
    for (const MaskUse &use : masks)
      if (use.cached && !use.lengths.empty()) {
        same.verdict = Fact::Fails;
        same.at = MaskOp(use.op).getLoc();
        same.words = use.lengths;
      }
    if (MaskOp mask = readsLengths(entry);
        mask && same.verdict != Fact::Fails) {
      same.verdict = Fact::NotProved;
      same.at = mask.getLoc();
      same.words = "the mask reads the lengths of the call";
    }
    if (!licence->firstChunk) {
      same.verdict = Fact::Fails;
      same.words = "there is no licence to keep rows";
    } else if (same.verdict == Fact::Proved && *licence->firstChunk > 1) {
      same.words += ", after a first call of at least " +
                    std::to_string(*licence->firstChunk) + " tokens";
    }
    add(same, started);
  }
}
