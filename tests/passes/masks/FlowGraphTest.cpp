// Graphs of flows against the composition of finite relations.
#include "passes/masks/FlowGraph.h"
#include "tests/passes/masks/TestMasks.h"

#include <catch2/catch.hpp>

#include <bitset>
#include <random>

using namespace heed::masks;
using namespace heed::masks::test;

namespace {
/// A random graph, and what each node reads of each source by brute force.
struct RandomGraph {
  // No step goes further than Reach, so that what happens below `compared`
  // does not see the end of the matrices.
  static constexpr int64_t Reach = 3, Compared = 7, Steps = 3,
                           Positions = Compared + Reach * Steps;
  using Matrix = std::vector<std::bitset<Positions>>; ///< [q][kv]

  mlir::MLIRContext &context;
  std::mt19937 random;
  FlowGraph graph;
  std::vector<Matrix> relations = {
      matrix([](int64_t q, int64_t kv) { return q == kv; })};
  std::vector<unsigned> depth, sources;
  unsigned out = 0;

  RandomGraph(mlir::MLIRContext &context, unsigned seed, bool causal)
      : context(context), random(seed), graph(&context) {
    for (unsigned r = 0; r < 3; ++r)
      addRelation(causal);
    unsigned numSources = 1 + random() % 2;
    for (unsigned s = 0; s < numSources; ++s) {
      sources.push_back(graph.addSource(at(), "source"));
      depth.push_back(0);
    }
    for (unsigned n = 0; n < 5; ++n)
      addNode();
    out = depth.size() - 1;
  }

  mlir::Location at() { return mlir::UnknownLoc::get(&context); }
  int64_t between(int64_t lo, int64_t hi) {
    return lo + int64_t(random() % (hi - lo + 1));
  }

  template <typename Allows> static Matrix matrix(Allows allows) {
    Matrix result(Positions);
    for (int64_t q = 0; q < Positions; ++q)
      for (int64_t kv = 0; kv < Positions; ++kv)
        result[q][kv] = allows(q, kv);
    return result;
  }

  void addRelation(bool causal) {
    if (random() % 3 == 0) {
      int64_t by = between(-Reach, causal ? 0 : Reach);
      graph.addRelation(shiftFlow(&context, by), at(), "shift");
      relations.push_back(
          matrix([&](int64_t q, int64_t kv) { return kv == q + by; }));
      return;
    }
    NamedMask mask = randomMask(random(), 1);
    int64_t x = between(0, 8), ahead = causal ? 0 : between(0, Reach);
    std::string set = mask.disjuncts[0];
    for (size_t at; (at = set.find('X')) != std::string::npos;)
      set.replace(at, 1, std::to_string(x));
    mask.disjuncts = {set + ", q - kv + " + std::to_string(ahead) +
                      " >= 0, kv - q + " + std::to_string(Reach) + " >= 0"};
    // A symbol X would be one parameter of all the masks.
    mask.minX = mask.maxX = x;
    graph.addRelation(toMask(context, mask), at(), "mask");
    relations.push_back(matrix([&](int64_t q, int64_t kv) {
      return kv <= q + ahead && q - kv <= Reach && mask.allows(q, kv, x);
    }));
  }

  void addNode() {
    llvm::SmallVector<FlowGraph::Edge> edges;
    unsigned steps = 0;
    for (unsigned e = 1 + random() % 2; e-- > 0;) {
      unsigned node = between(0, depth.size() - 1),
               relation = depth[node] < Steps ? random() % relations.size() : 0;
      edges.push_back({node, relation});
      steps = std::max(steps, depth[node] + (relation != 0));
    }
    graph.addNode(at(), "op", edges);
    depth.push_back(steps);
  }

  Matrix reads(unsigned node, unsigned source) const {
    std::vector<Matrix> all;
    for (unsigned n = 0; n <= node; ++n) {
      Matrix here =
          matrix([&](int64_t q, int64_t kv) { return n == source && q == kv; });
      for (const FlowGraph::Edge &edge : graph.getNodes()[n].edges)
        for (int64_t q = 0; q < Positions; ++q)
          for (int64_t mid = 0; mid < Positions; ++mid)
            if (relations[edge.relation][q][mid])
              here[q] |= all[edge.node][mid];
      all.push_back(std::move(here));
    }
    return all[node];
  }
};

/// Each step of a path is one that the graph has.
void checkPath(const RandomGraph &random, const LeakPath &path) {
  REQUIRE(path.steps.size() >= 2);
  CHECK(path.steps.front().node == random.out);
  CHECK(random.graph.getNodes()[path.steps.back().node].isSource);
  CHECK(path.steps.back().row > path.steps.front().row);
  for (unsigned i = 0; i + 1 < path.steps.size(); ++i)
    CHECK(random.relations[path.steps[i].relation][path.steps[i].row]
                          [path.steps[i + 1].row]);
}
} // namespace

TEST_CASE("random graphs: what a node reads, and whether it looks ahead") {
  unsigned holds = 0, together = 0, fails = 0, unknown = 0, paths = 0;
  for (unsigned seed = 0; seed < randomCases(2000); ++seed) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    RandomGraph random(context, seed, seed % 3 == 0);
    INFO("seed " << seed);
    bool ahead = false;
    for (unsigned source : random.sources) {
      RandomGraph::Matrix all = random.reads(random.out, source);
      std::optional<MaskSet> flow =
          random.graph.between(random.out, source, 60'000);
      for (int64_t q = 0; q < RandomGraph::Compared; ++q)
        for (int64_t kv = 0; kv < RandomGraph::Positions; ++kv) {
          ahead |= all[q][kv] && kv > q;
          llvm::SmallVector<int64_t> point = {q, kv};
          for (const MaskSymbol &symbol :
               flow ? flow->getSymbols() : llvm::ArrayRef<MaskSymbol>())
            point.push_back(symbol.min.value_or(0));
          bool most = flow && flow->atMost().contains(point),
               least = flow && flow->atLeast().contains(point);
          if (least > all[q][kv] || all[q][kv] > most ||
              (flow && flow->isExact() && least != most))
            FAIL("wrong flow at " << q << ", " << kv);
        }
    }
    FlowCausality found =
        computeFlowCausality(random.graph, random.out, 60'000);
    if (found.verdict == Verdict::Holds) {
      CHECK_FALSE(ahead);
      ++holds;
      together += !found.eachAlone;
    } else if (found.verdict == Verdict::Fails) {
      ++fails;
      paths += found.leak.has_value();
      if (found.leak && found.leak->steps.front().row < RandomGraph::Compared)
        CHECK(ahead);
      if (found.leak &&
          llvm::all_of(found.leak->steps, [](const LeakPath::Step &step) {
            return step.row < RandomGraph::Positions;
          }))
        checkPath(random, *found.leak);
    } else {
      ++unknown;
    }
  }
  CAPTURE(holds, together, fails, unknown, paths);
  CHECK(holds > 650);
  CHECK(together > 25);
  CHECK(fails > 400);
  CHECK(paths == fails);
  CHECK(unknown < 200);
}

TEST_CASE("the path with the fewest steps") {
  mlir::MLIRContext context;
  mlir::Location at = mlir::UnknownLoc::get(&context);
  FlowGraph graph(&context);
  unsigned causal =
               graph.addRelation(toMask(context, commonMasks()[2]), at, "mask"),
           ahead = graph.addRelation(shiftFlow(&context, 1), at, "shift"),
           back = graph.addRelation(shiftFlow(&context, -2), at, "shift");
  unsigned x = graph.addSource(at, "x");
  unsigned y = graph.addNode(at, "long", {{x, ahead}});
  y = graph.addNode(at, "long", {{y, ahead}, {y, causal}});
  y = graph.addNode(at, "long", {{y, back}});
  CHECK(computeFlowCausality(graph, y).verdict == Verdict::Holds);
  CHECK_FALSE(computeFlowCausality(graph, y).eachAlone);
  unsigned direct = graph.addNode(at, "direct", {{x, ahead}});
  unsigned out = graph.addNode(at, "out", {{y, 0}, {direct, causal}});
  FlowCausality found = computeFlowCausality(graph, out);
  REQUIRE(found.leak);
  llvm::SmallVector<int64_t> rows;
  for (const LeakPath::Step &step : found.leak->steps)
    rows.push_back(step.row);
  CHECK(rows == llvm::SmallVector<int64_t>{0, 0, 1});
  CHECK(graph.getNodes()[found.leak->steps[1].node].name == "direct");
}

TEST_CASE("the licence of a cache") {
  mlir::MLIRContext context;
  mlir::Location at = mlir::UnknownLoc::get(&context);
  FlowGraph graph(&context);
  auto relation = [&](std::vector<std::string> sets) {
    std::string error;
    return graph.addRelation(
        *MaskSet::get(&context, parse(context, sets, ""), {}, error), at,
        "mask");
  };
  unsigned causal = relation({"q - kv >= 0"}),
           prefix = relation({"q - kv >= 0", "15 - kv >= 0"}),
           all = relation({"0 == 0"});
  unsigned x = graph.addSource(at, "x");
  unsigned a = graph.addNode(at, "a", {{x, causal}});
  CHECK(computeCacheLicence(graph, {a}).firstChunk == 1);
  unsigned b = graph.addNode(at, "b", {{a, prefix}, {a, 0}});
  CHECK(computeCacheLicence(graph, {a, b}).firstChunk == 16);
  CHECK(computeCacheLicence(graph, {a, b}).relation == prefix);
  unsigned c = graph.addNode(at, "c", {{b, all}});
  CHECK(computeCacheLicence(graph, {a, b}).firstChunk == 16);
  CHECK_FALSE(computeCacheLicence(graph, {a, b, c}).firstChunk);
  CHECK(computeCacheLicence(graph, {c}).relation == all);
}
