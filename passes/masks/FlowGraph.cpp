#include "passes/masks/FlowGraph.h"

#include "llvm/Support/raw_ostream.h"

#include <deque>

using namespace heed::masks;
using namespace mlir;

FlowGraph::FlowGraph(MLIRContext *context) : context(context) {
  addRelation(identityFlow(context), UnknownLoc::get(context), "");
}

unsigned FlowGraph::addRelation(MaskSet flow, Location at, std::string what) {
  Causality causality = computeCausality(flow);
  relations.push_back(
      {std::move(flow), at, std::move(what), std::move(causality)});
  return relations.size() - 1;
}

unsigned FlowGraph::addSource(Location at, std::string name) {
  nodes.push_back({at, std::move(name), {}, true});
  return nodes.size() - 1;
}

unsigned FlowGraph::addNode(Location at, std::string name,
                            ArrayRef<Edge> edges) {
  nodes.push_back({at, std::move(name), SmallVector<Edge, 2>(edges), false});
  return nodes.size() - 1;
}

SmallVector<bool> FlowGraph::reached(unsigned out) const {
  SmallVector<bool> seen(nodes.size());
  seen[out] = true;
  for (unsigned n = out + 1; n-- > 0;)
    if (seen[n])
      for (const Edge &edge : nodes[n].edges)
        seen[edge.node] = true;
  return seen;
}

SmallVector<unsigned> FlowGraph::relationsBehind(unsigned out) const {
  SmallVector<bool> seen = reached(out), used(relations.size());
  for (auto [n, node] : llvm::enumerate(nodes))
    if (seen[n])
      for (const Edge &edge : node.edges)
        used[edge.relation] = true;
  SmallVector<unsigned> result;
  for (unsigned r = 0; r < relations.size(); ++r)
    if (used[r])
      result.push_back(r);
  return result;
}

namespace {
/// A flow, with the identity apart: most steps of a model are that.
struct Flow {
  bool same = false;
  std::optional<MaskSet> other;

  bool isNone() const { return !same && !other; }
  void unite(const MaskSet &flow) {
    other = other ? shorten(heed::masks::unite(*other, flow)) : flow;
  }
  void unite(const Flow &flow) {
    same |= flow.same;
    if (flow.other)
      unite(*flow.other);
  }
};
} // namespace

std::optional<MaskSet> FlowGraph::between(unsigned out, unsigned in,
                                          int64_t allowance) const {
  SmallVector<bool> needed = reached(out);
  std::vector<Flow> flows(out + 1);
  if (in <= out)
    flows[in].same = true;
  for (unsigned n = in + 1; n <= out; ++n) {
    if (!needed[n])
      continue;
    // Operands that are read by one relation are read together.
    std::map<unsigned, Flow> byRelation;
    for (const Edge &edge : nodes[n].edges)
      if (edge.node >= in)
        byRelation[edge.relation].unite(flows[edge.node]);
    for (auto &[relation, flow] : byRelation) {
      if (flow.isNone())
        continue;
      if (relation == identity) {
        flows[n].unite(flow);
        continue;
      }
      const MaskSet &step = relations[relation].flow;
      if (flow.same)
        flows[n].unite(step);
      if (flow.other)
        flows[n].unite(compose(step, *flow.other, allowance));
    }
  }
  Flow &result = flows[out];
  if (result.same)
    result.unite(identityFlow(context));
  return result.other;
}

//===----------------------------------------------------------------------===//
// Paths, at fixed positions
//===----------------------------------------------------------------------===//

namespace {
/// The rows that each row reads by a relation, for fixed symbols.
using Reads = std::vector<SmallVector<int64_t>>;

Reads tabulate(const MaskSet &flow, int64_t positions,
               const SymbolValues &symbols) {
  Reads reads(positions);
  SmallVector<int64_t> point(2);
  for (const MaskSymbol &symbol : flow.getSymbols()) {
    auto known = symbols.find(symbol.name);
    point.push_back(known != symbols.end() ? known->second
                                           : symbol.min.value_or(1));
  }
  for (point[0] = 0; point[0] < positions; ++point[0])
    for (point[1] = 0; point[1] < positions; ++point[1])
      if (flow.atLeast().contains(point))
        reads[point[0]].push_back(point[1]);
  return reads;
}
} // namespace

std::optional<LeakPath> heed::masks::findLeak(const FlowGraph &graph,
                                              unsigned node, int64_t out,
                                              int64_t positions,
                                              const SymbolValues &symbols) {
  ArrayRef<FlowGraph::Node> nodes = graph.getNodes();
  std::vector<std::optional<Reads>> reads(graph.getRelations().size());
  // Where each (node, row) was come from: the state before and the relation.
  struct From {
    int64_t state = -1;
    unsigned relation = 0;
    int moves = -1;
  };
  std::vector<From> from(nodes.size() * positions);
  std::deque<int64_t> queue = {int64_t(node) * positions + out};
  from[queue.front()].moves = 0;
  while (!queue.empty()) {
    int64_t state = queue.front(), row = state % positions;
    queue.pop_front();
    const FlowGraph::Node &here = nodes[state / positions];
    if (here.isSource && row > out) {
      LeakPath path;
      path.symbols = symbols;
      unsigned relation = 0;
      for (int64_t at = state; at >= 0; at = from[at].state) {
        if (at == state || relation != FlowGraph::identity)
          path.steps.push_back(
              {unsigned(at / positions), at % positions, relation});
        relation = from[at].relation;
      }
      if (path.steps.back().node != node)
        path.steps.push_back({node, out, FlowGraph::identity});
      std::reverse(path.steps.begin(), path.steps.end());
      return path;
    }
    for (const FlowGraph::Edge &edge : here.edges) {
      bool moves = edge.relation != FlowGraph::identity;
      auto visit = [&](int64_t next) {
        From &known = from[int64_t(edge.node) * positions + next];
        int cost = from[state].moves + moves;
        if (known.moves >= 0 && known.moves <= cost)
          return;
        known = {state, edge.relation, cost};
        if (moves)
          queue.push_back(int64_t(edge.node) * positions + next);
        else
          queue.push_front(int64_t(edge.node) * positions + next);
      };
      if (!moves) {
        visit(row);
        continue;
      }
      std::optional<Reads> &table = reads[edge.relation];
      if (!table)
        table = tabulate(graph.getRelations()[edge.relation].flow, positions,
                         symbols);
      for (int64_t next : (*table)[row])
        visit(next);
    }
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Causality and the licence
//===----------------------------------------------------------------------===//

/// Positions to look for a path among, for a leak from `out` to `in`.
static constexpr int64_t FewPositions = 16, MostPositions = 256;

FlowCausality heed::masks::computeFlowCausality(const FlowGraph &graph,
                                                unsigned out,
                                                int64_t allowance) {
  FlowCausality result;
  auto looksAhead = [&](unsigned r) {
    return graph.getRelations()[r].causality.verdict != Verdict::Holds;
  };
  if (llvm::none_of(graph.relationsBehind(out), looksAhead)) {
    result.verdict = Verdict::Holds;
    result.eachAlone = true;
    return result;
  }

  SmallVector<bool> seen = graph.reached(out);
  result.verdict = Verdict::Holds;
  for (auto [n, node] : llvm::enumerate(graph.getNodes())) {
    if (!seen[n] || !node.isSource)
      continue;
    std::optional<MaskSet> flow = graph.between(out, n, allowance);
    if (!flow)
      continue;
    Causality found = computeCausality(*flow, allowance);
    if (found.verdict == Verdict::Holds)
      continue;
    if (found.verdict == Verdict::Unknown) {
      if (result.verdict == Verdict::Holds)
        result.verdict = Verdict::Unknown;
      result.reason =
          "some op alone looks ahead, and of all ops together: " + found.reason;
      continue;
    }
    result.verdict = Verdict::Fails;
    SymbolValues symbols;
    for (auto [name, value] :
         llvm::zip(found.names, found.counterexample->symbols))
      symbols[name] = value;
    int64_t row = found.counterexample->q,
            most = std::max(row, found.counterexample->kv) + 1;
    // The rows between may lie beyond both ends.
    for (int64_t positions : {most, 2 * most + FewPositions})
      if (!result.leak && positions <= MostPositions)
        result.leak = findLeak(graph, out, row, positions, symbols);
  }
  // What is too complex as sets may still fail at small numbers.
  for (int64_t row = 0; row < FewPositions; ++row)
    if (result.verdict == Verdict::Unknown &&
        (result.leak = findLeak(graph, out, row, FewPositions, {})))
      result.verdict = Verdict::Fails;
  if (result.verdict == Verdict::Unknown)
    result.reason += "; no counterexample among " +
                     std::to_string(FewPositions) + " positions";
  return result;
}

CacheLicence heed::masks::computeCacheLicence(const FlowGraph &graph,
                                              ArrayRef<unsigned> nodes) {
  CacheLicence result;
  result.firstChunk = 1;
  for (unsigned node : nodes)
    for (unsigned r : graph.relationsBehind(node)) {
      const Causality &alone = graph.getRelations()[r].causality;
      if (alone.verdict == Verdict::Holds)
        continue;
      std::optional<int64_t> least;
      auto isConstant = [](const KeyRange &range) {
        return llvm::all_of(range.upper.getResults(), [](AffineExpr e) {
          return isa<AffineConstantExpr>(e);
        });
      };
      if (!alone.firstChunk)
        result.reason = "a row can depend on rows of any later call";
      else if (!llvm::all_of(*alone.firstChunk, isConstant))
        result.reason = "the rows that are seen early depend on lengths";
      else
        least =
            alone.leastFirstChunk(SmallVector<int64_t>(alone.names.size(), 0));
      if (least && *least <= *result.firstChunk)
        continue;
      result.firstChunk = least;
      result.relation = r;
      if (!least)
        return result;
    }
  return result;
}
