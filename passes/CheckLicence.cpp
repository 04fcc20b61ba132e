//===- CheckLicence.cpp - May keys and values be kept? --------------------===//
#include "passes/LeakWords.h"
#include "passes/Proofs.h"
#include "passes/Remarks.h"

using namespace mlir;
using heed::masks::FlowGraph;

namespace heed {
#define GEN_PASS_DEF_CHECKLICENCE
#include "passes/Proofs.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "check-licence";

struct CheckLicence : impl::CheckLicenceBase<CheckLicence> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    for (const EntryFlow &flow : getAnalysis<ModelFlow>().entries())
      if (!flow.cached.empty())
        check(flow);
  }

  void check(const EntryFlow &flow) {
    // A decoder computes everything from what it kept, its outputs too.
    SmallVector<unsigned> nodes = flow.cached;
    for (const EntryFlow::Output &output : flow.outputs)
      nodes.push_back(output.node);
    masks::CacheLicence licence = masks::computeCacheLicence(flow.graph, nodes);
    if (licence.firstChunk == 1) {
      found(flow.entry, Name,
            "keys and values may be kept: no op looks at later positions");
      return;
    }
    const FlowGraph::Relation &relation =
        flow.graph.getRelations()[*licence.relation];
    if (licence.firstChunk && *licence.firstChunk < contextOf(flow.entry)) {
      func::FuncOp(flow.entry)
          ->setAttr(
              "attn.first_call",
              Builder(&getContext()).getI64IntegerAttr(*licence.firstChunk));
      mlir::remark::analysis(relation.at, remarkOf(Name))
          << "keys and values may be kept where the first call of a sequence "
             "has at least " +
                 std::to_string(*licence.firstChunk) +
                 " tokens, which the executable sees to";
      return;
    }
    InFlightDiagnostic error = emitError(relation.at);
    error
        << "keys and values of this decoder cannot be kept from call to call: ";
    if (const auto &pair = relation.causality.counterexample)
      error << "row " << pair->q << " sees row " << pair->kv << " here";
    else
      error << "not proved causal (" << relation.causality.reason << ")";
    if (licence.firstChunk)
      error << "; only a first call of at least " << *licence.firstChunk
            << " tokens would keep them right, and the context of "
            << contextOf(flow.entry) << " leaves nothing behind it";
    else
      error << "; no first call is long enough: " << licence.reason;
    signalPassFailure();
  }

  /// The longest sequence; the largest number where the module does not say.
  static int64_t contextOf(func::FuncOp entry) {
    auto model =
        entry->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(
            "attn.model");
    auto context = model ? model.getAs<IntegerAttr>("context") : IntegerAttr();
    return context ? context.getInt() : std::numeric_limits<int64_t>::max();
  }
};
} // namespace
} // namespace heed
