//===- FieldPicture.cpp - What one output can see, layer by layer ---------===//
#include "tools/heed/view/FieldPicture.h"

#include "tools/heed/view/Svg.h"

using llvm::formatv;

namespace heed::view {
namespace {

/// Which positions the output reads at one height, and through which row of the
/// layer above each of them was met first; itself where a residual did.
struct Height {
  std::vector<bool> read;
  std::vector<int64_t> by;
};

std::vector<Height> heights(const FieldPicture &picture) {
  Height top{std::vector<bool>(picture.positions, false),
             std::vector<int64_t>(picture.positions, -1)};
  top.read[picture.out] = true;
  std::vector<Height> all = {top};
  for (const FieldPicture::Layer &layer : llvm::reverse(picture.layers)) {
    const Height &above = all.back();
    Height here{above.read, std::vector<int64_t>(picture.positions, -1)};
    for (int64_t q = 0; q < picture.positions; ++q)
      if (above.read[q])
        here.by[q] = q;
    for (int64_t q = 0; q < picture.positions; ++q) {
      if (!above.read[q])
        continue;
      for (auto [from, to] : layer.mask->keysOf(q))
        for (int64_t kv = from; kv < to; ++kv)
          if (!here.read[kv]) {
            here.read[kv] = true;
            here.by[kv] = q;
          }
    }
    all.push_back(std::move(here));
  }
  return all;
}

/// From the output down: the position read at each height on the way to the
/// farthest position behind it; empty where there is none.
std::vector<int64_t> wayAhead(const std::vector<Height> &all, int64_t out) {
  const Height &tokens = all.back();
  for (int64_t at = int64_t(tokens.read.size()) - 1; at > out; --at) {
    if (!tokens.read[at])
      continue;
    std::vector<int64_t> way = {at};
    for (size_t i = all.size() - 1; i > 0; --i)
      way.push_back(all[i].by[way.back()]);
    std::reverse(way.begin(), way.end());
    return way;
  }
  return {};
}

} // namespace

Drawing draw(const FieldPicture &picture) {
  constexpr double side = 600, left = 64, top = 96;
  double row =
      std::clamp(420.0 / double(picture.layers.size() + 1), 14.0, 34.0);
  std::vector<Height> all = heights(picture);
  Svg svg;
  svg.text(left, 34, picture.title, "title");
  svg.text(left, 58,
           formatv("what row {0} of the output reads, layer by layer, of {1} "
                   "positions",
                   picture.out, picture.positions)
               .str(),
           "note");
  double unit = side / double(picture.positions);
  int64_t pitch = std::max<int64_t>(1, picture.positions / 4);
  for (int64_t at = 0; at <= picture.positions; at += pitch)
    svg.text(left + at * unit, top - 8, std::to_string(at), "faint", "middle");
  int64_t first = picture.positions, count = 0;
  for (auto [i, height] : llvm::enumerate(all)) {
    double y = top + double(i) * row;
    svg.rectangle(left, y, side, row - 3, colourEmpty);
    for (int64_t at = 0; at < picture.positions; ++at) {
      if (!height.read[at])
        continue;
      int64_t from = at;
      while (at < picture.positions && height.read[at])
        ++at;
      svg.rectangle(left + from * unit, y, (at - from) * unit, row - 3,
                    colourAllowed,
                    formatv("positions {0} to {1}", from, at - 1).str());
      if (i + 1 == all.size()) {
        first = std::min(first, from);
        count += at - from;
      }
    }
    svg.rectangle(left + picture.out * unit, y, std::max(unit, 2.0), row - 3,
                  colourFull);
    std::string name =
        i == 0 ? "output" : "into " + picture.layers[all.size() - 1 - i].name;
    svg.text(left + side + 12, y + row / 2 + 2, name, "faint");
  }
  double y = top + double(all.size()) * row + 20;
  svg.text(left, y,
           count == 0 ? "It reads nothing."
                      : formatv("At the bottom it reads {0} positions; the "
                                "first of them is {1}.",
                                count, first)
                            .str(),
           "note");
  std::vector<int64_t> way = wayAhead(all, picture.out);
  if (!way.empty()) {
    std::string points;
    for (auto [i, at] : llvm::enumerate(way))
      points += formatv("{0:f2},{1:f2} ", left + (at + 0.5) * unit,
                        top + double(i) * row + row / 2 - 1.5)
                    .str();
    svg.raw("<polyline points='" + points + "' fill='none' stroke='" +
            std::string(colourLeak) + "' stroke-width='2'/>\n");
    for (auto [i, at] : llvm::enumerate(way))
      svg.raw(formatv("<circle cx='{0:f2}' cy='{1:f2}' r='3.5' fill='{2}'/>\n",
                      left + (at + 0.5) * unit,
                      top + double(i) * row + row / 2 - 1.5, colourLeak)
                  .str());
    y += 20;
    svg.text(left, y,
             formatv("Row {0} of the output reads the later position {1}: the "
                     "red way.",
                     picture.out, way.back())
                 .str(),
             "leak");
  }
  return {svg.take(), y + 30};
}

} // namespace heed::view
