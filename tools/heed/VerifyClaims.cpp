#include "tools/heed/VerifyClaims.h"

#include "frontend/Model.h"
#include "frontend/Source.h"
#include "ir/Axes.h"
#include "passes/masks/Claims.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace heed;
using namespace mlir;
using certificate::Claim;
using masks::FlowGraph;
using masks::Verdict;

namespace {
class ClaimMaker {
public:
  ClaimMaker(const Document &document, const Model &model,
             const ModelFacts &facts)
      : document(document), model(model), facts(facts) {}

  std::vector<Claim> make() {
    for (const MaskUse &use : facts.masks)
      if (use.set)
        ofMask(use);
    for (const auto &[entry, output, causality] : facts.outputs)
      if (causality.verdict == Verdict::Holds)
        ofOutput(*entry, *output);
    return std::move(claims);
  }

private:
  /// The scalar that stands at a place of the file.
  const Node *scalarAt(Location at) const {
    auto line = at->findInstanceOf<FileLineColLoc>();
    for (const Node &node : document.nodes)
      if (line && node.isScalar() &&
          node.at == Place{line.getLine(), line.getColumn()})
        return &node;
    return nullptr;
  }

  /// Integers and elements of lists that the mask names.
  void addValues(const MaskUse &use, Claim &claim) const {
    int64_t layer = 0;
    if (!use.layers.empty())
      StringRef(use.layers[0]).rsplit('.').second.getAsInteger(10, layer);
    llvm::StringSet<> seen;
    StringRef text = claim.mask;
    while (!text.empty()) {
      size_t end =
          text.find_if_not([](char c) { return llvm::isAlnum(c) || c == '_'; });
      StringRef word = text.substr(0, end);
      text = text.drop_front(std::max<size_t>(word.size(), 1));
      if (word.empty() || !seen.insert(word).second)
        continue;
      if (word == "i")
        claim.values.emplace_back("i", std::to_string(layer));
      if (auto it = model.names.integers.find(word.str());
          it != model.names.integers.end())
        claim.values.emplace_back(word.str(), std::to_string(it->second));
      auto list = model.names.lists.find(word.str());
      if (list == model.names.lists.end())
        continue;
      for (auto [i, value] : llvm::enumerate(list->second))
        claim.values.emplace_back(word.str() + "[" + std::to_string(i) + "]",
                                  std::to_string(value));
      if (layer < int64_t(list->second.size()))
        claim.values.emplace_back(word.str() + "[i]",
                                  std::to_string(list->second[layer]));
    }
  }

  void ofMask(const MaskUse &use) {
    const Node *words = scalarAt(attn::MaskOp(use.op).getLoc());
    Claim base{.mask = words ? words->text : "all",
               .at = placeOf(attn::MaskOp(use.op).getLoc())};
    // One line of the certificate, however the file folds it.
    llvm::replace(base.mask, '\n', ' ');
    addValues(use, base);
    for (const masks::MaskSymbol &symbol : use.set->getSymbols()) {
      if (symbol.kind == masks::MaskSymbol::KeyLength)
        base.given.push_back(symbol.name + " == L");
      if (symbol.min)
        base.given.push_back(symbol.name +
                             " >= " + std::to_string(*symbol.min));
      if (symbol.max)
        base.given.push_back(symbol.name +
                             " <= " + std::to_string(*symbol.max));
    }
    add(masks::claimsOf(base, use.causality));
    add(masks::claimsOf(base, use.cache));
    if (use.ownRows)
      add(masks::claimsOf(base, use.rows));
    add(masks::claimsOf(base, use.tiles, use.tileOptions));
  }

  /// Each op behind the output and what it declares to read, once a line.
  void ofOutput(const EntryFlow &entry, const EntryFlow::Output &output) {
    Claim claim{.kind = "model", .mask = output.name};
    const FlowGraph &graph = entry.graph;
    SmallVector<bool> reached = graph.reached(output.node);
    llvm::StringSet<> seen;
    for (auto [n, node] : llvm::enumerate(graph.getNodes())) {
      if (!reached[n])
        continue;
      for (const FlowGraph::Edge &edge : node.edges) {
        const FlowGraph::Relation &by = graph.getRelations()[edge.relation];
        std::string at = placeOf(node.at), reads = by.what;
        if (edge.relation == FlowGraph::identity) {
          reads = "same";
        } else if (by.what == "mask") {
          // Layers may have masks of their own on one line: all must do.
          at = placeOf(by.at);
          reads += " " + std::to_string(llvm::count_if(
                             facts.masks, [&](const MaskUse &use) {
                               attn::MaskOp op = use.op;
                               return placeOf(op.getLoc()) == at;
                             }));
        }
        std::string op = at + " " + node.name + " " + reads;
        if (seen.insert(op).second)
          claim.ops.push_back(op);
      }
    }
    claims.push_back(std::move(claim));
  }

  void add(const std::vector<Claim> &more) {
    claims.insert(claims.end(), more.begin(), more.end());
  }

  const Document &document;
  const Model &model;
  const ModelFacts &facts;
  std::vector<Claim> claims;
};
} // namespace

std::optional<std::vector<Claim>> heed::claimsOfModel(const std::string &path,
                                                      const ModelFacts &facts) {
  Diagnostics diagnostics;
  std::optional<std::string> text = readSource(path, diagnostics);
  std::optional<Document> document =
      text ? parseYaml(*text, diagnostics) : std::nullopt;
  std::optional<Model> model =
      document ? readModelHead(*document, diagnostics) : std::nullopt;
  if (!model || diagnostics.any()) {
    diagnostics.print(llvm::errs());
    return std::nullopt;
  }
  return ClaimMaker(*document, *model, facts).make();
}
