#include "passes/LeakWords.h"

using namespace heed;
using namespace mlir;
using masks::FlowGraph;

LeakWords heed::inWords(const EntryFlow &flow, const EntryFlow::Output &output,
                        const masks::LeakPath &path) {
  const FlowGraph &graph = flow.graph;
  auto row = [](StringRef name, int64_t at) {
    return (name + "[" + Twine(at) + "]").str();
  };
  int64_t from = path.steps.front().row, to = path.steps.back().row;
  LeakWords words{row(output.name, from) + " can see " +
                      row(graph.getNodes()[path.steps.back().node].name, to),
                  flow.graph.getNodes()[path.steps.front().node].at,
                  {}};
  int64_t furthest = 0;
  for (unsigned i = 0; i + 1 < path.steps.size(); ++i) {
    const auto &step = path.steps[i];
    int64_t next = path.steps[i + 1].row;
    if (step.relation == FlowGraph::identity)
      continue;
    const FlowGraph::Relation &by = graph.getRelations()[step.relation];
    if (next - step.row > furthest) {
      furthest = next - step.row;
      words.at = by.at;
    }
    words.steps.emplace_back(by.at, "row " + std::to_string(step.row) +
                                        " reads row " + std::to_string(next) +
                                        " here");
  }
  for (auto &[name, value] : path.symbols)
    words.summary += ", " + name + " = " + std::to_string(value);
  return words;
}
