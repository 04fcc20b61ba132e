#include "tools/heed/VerifyPromises.h"

#include "tools/heed/VerifyCache.h"
#include "tools/heed/VerifyLengths.h"

using namespace heed;
using namespace mlir;
using masks::FlowGraph;
using masks::Verdict;

namespace {
class Promises {
public:
  Promises(const ModelFacts &facts, bool alignedAtEnd)
      : facts(facts), alignedAtEnd(alignedAtEnd) {}

  /// `said` is `causal` or `cache: 1024`. What a decoder promises by itself,
  /// `implied`, is no matter of its encoder.
  PromiseCheck check(StringRef said, bool implied) {
    PromiseCheck result{said.str()};
    ofDecoder = implied;
    if (unproved(said.split(": ").first, result))
      return result;
    auto [name, value] = said.split(": ");
    int64_t most = 0;
    value.getAsInteger(10, most);
    if (name == "causal")
      alignedAtEnd ? causalAtEnd(result) : fromFacts("causal", result);
    else if (name == "rows_covered")
      fromFacts("rows covered", result);
    else if (name == "no_leak")
      fromFacts("no leak", result);
    else if (name == "same in any calls")
      fromFacts("prefill = chunks = decode", result);
    else if (name == "cacheable")
      cacheable(result);
    else if (name == "cache")
      cache(result, most);
    else if (name == "receptive_field")
      receptiveField(result, most);
    else if (name == "aligned")
      aligned(result, value == "end");
    return result;
  }

private:
  static void fail(PromiseCheck &result, Location at, const Twine &words) {
    if (!result.holds)
      return; // the first is enough
    result.holds = false;
    result.at = at;
    result.words = words.str();
  }

  /// Without anything to prove, nothing holds.
  bool unproved(StringRef name, PromiseCheck &result) {
    bool ofMasks = llvm::is_contained(
        {"rows_covered", "no_leak", "cache", "aligned"}, name);
    bool found = ofMasks ? !facts.masks.empty() : !facts.outputs.empty();
    if (found)
      return false;
    fail(result, facts.at,
         ofMasks ? "not proved: the model has no attention"
                 : "not proved: no attention, and so no sequence axis, is in "
                   "the model");
    return true;
  }

  bool concerns(const EntryFlow *entry) const {
    return !ofDecoder || !entry || !entry->cached.empty();
  }

  void fromFacts(StringRef kind, PromiseCheck &result) {
    for (const Fact &fact : facts.facts) {
      if (fact.kind != kind || fact.verdict == Fact::Proved || !result.holds ||
          !concerns(fact.entry))
        continue;
      fail(result, fact.at,
           (fact.verdict == Fact::NotProved ? "not proved: " : "") +
               fact.words);
      result.notes = fact.notes;
    }
  }

  /// Rows of queries stand at the end of the keys: of the relations only masks
  /// are between them, and alignmentFault looks at those.
  void causalAtEnd(PromiseCheck &result) {
    for (const auto &[entry, output, causality] : facts.outputs) {
      if (!concerns(entry))
        continue;
      for (unsigned r : entry->graph.relationsBehind(output->node)) {
        const FlowGraph::Relation &relation = entry->graph.getRelations()[r];
        if (relation.what != "mask" &&
            relation.causality.verdict != Verdict::Holds)
          fail(result, relation.at, relation.what + " looks ahead");
      }
    }
    for (const MaskUse &use : facts.masks)
      if (std::string fault = alignmentFault(use.op, !use.ownRows, false);
          !fault.empty() && use.causality.verdict != Verdict::Holds)
        fail(result, attn::MaskOp(use.op).getLoc(), fault);
  }

  void cacheable(PromiseCheck &result) {
    if (facts.licence)
      return fromFacts("cacheable", result);
    // Plain tensors: whether they could be kept.
    for (const auto &[entry, output, causality] : facts.outputs) {
      masks::CacheLicence licence =
          computeCacheLicence(entry->graph, {output->node});
      if (!licence.firstChunk)
        fail(result, entry->graph.getRelations()[*licence.relation].at,
             licence.reason);
    }
  }

  void cache(PromiseCheck &result, int64_t most) {
    for (const MaskUse &use : facts.masks)
      if (std::string fault = cacheFault(use, most); !fault.empty())
        fail(result, attn::MaskOp(use.op).getLoc(), fault);
  }

  void receptiveField(PromiseCheck &result, int64_t most) {
    for (const auto &[entry, output, causality] : facts.outputs)
      for (const EntryFlow::Source &source : entry->sources) {
        auto reads = entry->graph.between(output->node, source.node);
        if (!reads)
          continue;
        // out - in >= most.
        masks::Exact exact;
        masks::Conjunct far = reads->knownOfSymbols(2);
        far.inequalities.push_back(
            masks::add(masks::add(far.variable(0), far.variable(1), -1),
                       far.constant(-most)));
        auto point = exact.least(exact.intersect(reads->atMost(), far));
        Location at = entry->graph.getNodes()[output->node].at;
        std::string from = output->name + "[",
                    to = entry->graph.getNodes()[source.node].name + "[";
        if (exact.exhausted())
          fail(result, at, "not proved: too complex");
        else if (point)
          fail(result, at,
               from + Twine((*point)[0]) + "] can see " + to +
                   Twine((*point)[1]) + "]" +
                   (reads->isExact() ? "" : " (" + reads->whyNotExact() + ")"));
      }
  }

  void aligned(PromiseCheck &result, bool atEnd) {
    for (const MaskUse &use : facts.masks)
      if (std::string fault =
              alignmentFault(use.op, atEnd && !use.ownRows, true);
          !fault.empty())
        fail(result, attn::MaskOp(use.op).getLoc(), fault);
  }

  const ModelFacts &facts;
  bool alignedAtEnd;
  bool ofDecoder = false;
};
} // namespace

std::vector<PromiseCheck> heed::checkPromises(ModuleOp module,
                                              const ModelFacts &facts) {
  auto model = module->getAttrOfType<DictionaryAttr>("attn.model");
  auto said = model ? model.getAs<ArrayAttr>("promises") : ArrayAttr();
  std::vector<std::string> all;
  for (Attribute each : said ? said.getValue() : ArrayRef<Attribute>())
    all.push_back(cast<StringAttr>(each).str());
  bool alignedAtEnd = llvm::is_contained(all, "aligned: end");
  const size_t written = all.size();
  // A licence for a first call of several tokens stands where causality would.
  bool hasPrefix = facts.licence && facts.licence->firstChunk > 1;
  if (facts.decoder)
    for (StringRef name : {"causal", "cacheable", "same in any calls"})
      if (!llvm::is_contained(all, name) && !(hasPrefix && name == "causal"))
        all.push_back(name.str());
  std::vector<PromiseCheck> results;
  for (auto [i, promise] : llvm::enumerate(all))
    results.push_back(
        Promises(facts, alignedAtEnd).check(promise, i >= written));
  return results;
}
