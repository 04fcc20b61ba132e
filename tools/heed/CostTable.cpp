#include "tools/heed/CostTable.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <array>

namespace heed {
namespace {

LayerCost sumOf(const std::vector<LayerCost> &costs) {
  LayerCost sum;
  sum.name = "model";
  for (const LayerCost &cost : costs)
    sum += cost;
  return sum;
}

/// `12,345`; above ten million `12.3 M`, `12.3 G`.
std::string number(int64_t value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (value >= 10'000'000) {
    double scaled = double(value);
    const char *unit = "MGTPE";
    for (scaled /= 1e6; scaled >= 1e4 && unit[1]; scaled /= 1e3)
      ++unit;
    os << llvm::format("%.1f %c", scaled, *unit);
    return text;
  }
  os << value;
  for (int at = int(text.size()) - 3; at > 0; at -= 3)
    text.insert(at, ",");
  return text;
}

using Cells = std::array<std::string, 7>;

Cells cellsOf(const std::string &name, const LayerCost &cost) {
  std::string bound = cost.atMost ? "<= " : "";
  return {name,
          bound + number(cost.allowed),
          number(cost.visited),
          bound + number(cost.attentionOperations),
          number(cost.linearOperations),
          number(cost.keyBytes),
          number(cost.cacheBytesPerPosition)};
}

} // namespace

void printCosts(llvm::raw_ostream &os, const std::vector<LayerCost> &costs,
                int64_t length) {
  if (costs.empty())
    return;
  // Layers in a row that cost the same share a line.
  struct Group {
    const LayerCost *first, *last;
    unsigned count;
  };
  std::vector<Group> groups;
  for (const LayerCost &cost : costs)
    if (!groups.empty() && groups.back().first->isLike(cost)) {
      groups.back().last = &cost;
      ++groups.back().count;
    } else {
      groups.push_back({&cost, &cost, 1});
    }
  auto nameOf = [](const Group &group) {
    return group.count == 1 ? group.first->name
                            : group.first->name + " to " + group.last->name;
  };
  std::vector<Cells> rows = {{"each", "pairs", "visited", "attention FLOP",
                              "linear FLOP", "K, V read B", "cache B a row"}};
  for (const Group &group : groups)
    rows.push_back(cellsOf(nameOf(group), *group.first));
  LayerCost model = sumOf(costs);
  rows.push_back(cellsOf("model", model));
  std::array<size_t, 7> widths{};
  for (const Cells &row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  os << "costs of a call with " << length << " rows\n";
  for (const Cells &row : rows) {
    os << "    " << llvm::left_justify(row[0], widths[0]);
    for (size_t i = 1; i < row.size(); ++i)
      os << "  " << llvm::right_justify(row[i], widths[i]);
    os << '\n';
  }
  for (const Group &group : groups)
    for (const LayerCost::Attention &attention : group.first->attentions)
      os << "    " << nameOf(group) << ": " << attention.operationsOfPair
         << " FLOP for each pair of a head: " << attention.pairs << '\n';
  if (model.atMost)
    os << "    <=: at most; the mask is too complex, or not known, and the "
          "lengths are too long to look at each pair\n";
  if (!model.missing.empty())
    os << "    not in the figures: " << model.missing << '\n';
}

void printCosts(llvm::json::OStream &json,
                const std::vector<LayerCost> &costs) {
  auto print = [&](const LayerCost &cost) {
    json.object([&] {
      json.attribute("name", cost.name);
      json.attributeArray("attentions", [&] {
        for (const LayerCost::Attention &attention : cost.attentions)
          json.object([&] {
            json.attribute("pairs of a head", attention.pairs);
            json.attribute("flop of a pair", attention.operationsOfPair);
          });
      });
      json.attribute("allowed pairs", cost.allowed);
      if (cost.atMost)
        json.attribute("at most", true);
      json.attribute("visited pairs", cost.visited);
      json.attribute("attention flop", cost.attentionOperations);
      json.attribute("linear flop", cost.linearOperations);
      json.attribute("key and value bytes", cost.keyBytes);
      json.attribute("cache bytes of a row", cost.cacheBytesPerPosition);
      if (!cost.missing.empty())
        json.attribute("missing", cost.missing);
    });
  };
  for (const LayerCost &cost : costs)
    print(cost);
  print(sumOf(costs));
}

} // namespace heed
