//===- ModelField.cpp - A row's field, from the flow of a model -----------===//
#include "passes/LeakWords.h"
#include "tools/heed/view/FieldPicture.h"

#include "mlir/IR/Location.h"

using namespace mlir;
using heed::masks::MaskSet;
using heed::masks::MaskSymbol;

namespace heed::view {

/// A symbol's value in the picture: a length, or the least that it may be.
static int64_t valueOf(const MaskSymbol &symbol, int64_t positions) {
  if (symbol.kind == MaskSymbol::KeyLength || symbol.name == "q_len" ||
      symbol.name == "kv_len")
    return positions;
  return symbol.min.value_or(0);
}

/// The rows below `positions` that row `out` reads by `reads`.
static std::vector<std::pair<int64_t, int64_t>>
rowsOf(const masks::ReceptiveField &field, const MaskSet &reads,
       int64_t positions, int64_t out) {
  SmallVector<int64_t> values = {out};
  for (const MaskSymbol &symbol : reads.getSymbols())
    values.push_back(valueOf(symbol, positions));
  std::vector<bool> read(positions);
  for (const masks::KeyRange &range : field.ranges) {
    int64_t from = 0, to = positions;
    // One without a bound goes on to the end.
    if (range.upper.getNumResults() > 0)
      std::tie(from, to) = range.bounds(values);
    for (int64_t at = std::max<int64_t>(from, 0); at < std::min(to, positions);
         ++at)
      read[at] = read[at] || range.contains(at, values);
  }
  std::vector<std::pair<int64_t, int64_t>> rows;
  for (int64_t at = 0; at < positions; ++at)
    if (read[at] && !rows.empty() && rows.back().second == at)
      ++rows.back().second;
    else if (read[at])
      rows.emplace_back(at, at + 1);
  return rows;
}

/// `13:19`.
static std::string lineOf(Location at) {
  auto line = at->findInstanceOf<FileLineColLoc>();
  return line ? "line " + std::to_string(line.getLine()) : "somewhere";
}

FieldPicture fieldOf(const EntryFlow &flow, const EntryFlow::Output &output,
                     const std::string &title, int64_t positions, int64_t out) {
  const masks::FlowGraph &graph = flow.graph;
  masks::FlowCausality causality = computeFlowCausality(graph, output.node);
  const std::optional<masks::LeakPath> &leak = causality.leak;
  if (leak) {
    out = leak->steps.front().row;
    for (const masks::LeakPath::Step &step : leak->steps)
      positions = std::max(positions, step.row + 1);
  }
  FieldPicture picture{title, positions, out, {}, {}, {}};

  auto add = [&](const std::string &name, unsigned node, bool isSource) {
    std::optional<MaskSet> reads = graph.between(output.node, node);
    FieldPicture::Height height{name, {}, {}};
    if (reads) {
      masks::ReceptiveField field = masks::computeReceptiveField(*reads);
      height.rows = rowsOf(field, *reads, positions, out);
      if (isSource) {
        std::string text;
        llvm::raw_string_ostream os(text);
        field.print(os);
        picture.formulas.push_back(name + " " + text);
      }
    }
    // The way comes down the graph: the first of its steps that is not above.
    if (leak && (!isSource || leak->steps.back().node == node))
      for (const masks::LeakPath::Step &step : llvm::reverse(leak->steps))
        if (step.node <= node)
          height.way = step.row;
    picture.heights.push_back(std::move(height));
  };
  picture.heights.push_back({output.name, {{out, out + 1}}, {}});
  if (leak)
    picture.heights.back().way = out;
  SmallVector<bool> reached = graph.reached(output.node);
  for (const EntryFlow::Layer &layer : llvm::reverse(flow.layers))
    if (reached[layer.in])
      add("into " + layer.name, layer.in, false);
  for (const EntryFlow::Source &source : flow.sources)
    if (reached[source.node])
      add(graph.getNodes()[source.node].name, source.node, true);
  if (leak) {
    LeakWords words = inWords(flow, output, *leak);
    picture.leak.push_back(words.summary);
    for (auto &[at, text] : words.steps)
      picture.leak.push_back(lineOf(at) + ": " + text);
  }
  return picture;
}

} // namespace heed::view
