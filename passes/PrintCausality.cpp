//===- PrintCausality.cpp - Which rows each output depends on -------------===//
#include "passes/LeakWords.h"
#include "passes/Proofs.h"
#include "passes/Remarks.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using heed::masks::FlowGraph;
using heed::masks::MaskSet;
using heed::masks::Verdict;

namespace heed {
#define GEN_PASS_DEF_PRINTCAUSALITY
#include "passes/Proofs.h.inc"

namespace {
void printPlace(llvm::raw_ostream &os, Location at) {
  if (auto line = at->findInstanceOf<FileLineColLoc>())
    os << line.getLine() << ':' << line.getColumn();
  else
    os << "unknown place";
}

void printField(llvm::raw_ostream &os, const FlowGraph &graph, unsigned out,
                unsigned in) {
  if (std::optional<MaskSet> flow = graph.between(out, in))
    masks::computeReceptiveField(*flow).print(os);
  else
    os << "nothing";
}

struct PrintCausality : impl::PrintCausalityBase<PrintCausality> {
  void runOnOperation() override {
    for (const EntryFlow &flow : getAnalysis<ModelFlow>().entries())
      print(llvm::outs(), flow);
    markAllAnalysesPreserved();
  }

  void print(llvm::raw_ostream &os, const EntryFlow &flow) {
    os << "@" << func::FuncOp(flow.entry).getName() << '\n';
    for (const EntryFlow::Output &output : flow.outputs) {
      os << "  " << output.name << ": ";
      printVerdict(os, flow, output);
      SmallVector<bool> reached = flow.graph.reached(output.node);
      for (auto [n, node] : llvm::enumerate(flow.graph.getNodes())) {
        if (!node.isSource || !reached[n])
          continue;
        os << "    row out reads " << node.name << ": ";
        printField(os, flow.graph, output.node, n);
        os << '\n';
      }
    }
    llvm::StringSet<> seen;
    for (const EntryFlow::Layer &layer : flow.layers) {
      if (!seen.insert(func::FuncOp(layer.function).getName()).second)
        continue;
      os << "  " << layer.name << " reads: ";
      printField(os, flow.graph, layer.out, layer.in);
      os << '\n';
    }
    if (flow.cached.empty())
      return;
    masks::CacheLicence licence =
        masks::computeCacheLicence(flow.graph, flow.cached);
    os << "  caches: ";
    if (licence.firstChunk)
      os << "licensed, the first call has at least " << *licence.firstChunk;
    else
      os << "no licence, " << licence.reason;
    os << '\n';
  }

  void printVerdict(llvm::raw_ostream &os, const EntryFlow &flow,
                    const EntryFlow::Output &output) {
    masks::FlowCausality found =
        masks::computeFlowCausality(flow.graph, output.node);
    if (found.verdict == Verdict::Holds) {
      os << "causal, "
         << (found.eachAlone ? "each op alone" : "all ops together") << '\n';
      return;
    }
    os << (found.verdict == Verdict::Fails ? "not causal"
                                           : "not proved causal");
    if (!found.leak) {
      os << ": " << (found.reason.empty() ? "path not found" : found.reason)
         << '\n';
      return;
    }
    LeakWords words = inWords(flow, output, *found.leak);
    os << ": " << words.summary << '\n';
    for (auto &[at, text] : words.steps) {
      os << "    ";
      printPlace(os, at);
      os << ": " << text << '\n';
    }
  }
};
} // namespace
} // namespace heed
