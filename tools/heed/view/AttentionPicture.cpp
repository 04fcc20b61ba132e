//===- AttentionPicture.cpp - Attention weights as a heat map -------------===//
#include "tools/heed/view/AttentionPicture.h"

#include "tools/heed/view/Svg.h"

#include <array>
#include <cmath>

using llvm::formatv;

namespace heed::view {
namespace {

constexpr double Left = 120, Top = 170, Side = 700;
/// Small ones stand in rows of this many.
constexpr int64_t Columns = 3;
/// Of one large picture: below, each pair says its weight; more labels than
/// this would run into each other.
constexpr int64_t MostTooltips = 128, MostLabels = 56;

/// From the least weight to 1, as the square root goes from 0 to 1.
std::string colourOf(float weight) {
  static constexpr std::array<std::array<int, 3>, 4> stops = {
      {{232, 240, 248}, {126, 178, 221}, {38, 112, 178}, {8, 35, 80}}};
  double at = std::sqrt(std::clamp(double(weight), 0.0, 1.0)) * 3;
  int low = std::min(int(at), 2);
  std::string text = "#";
  for (int i = 0; i < 3; ++i)
    text += formatv("{0:x-2}",
                    unsigned(std::lround(
                        stops[low][i] +
                        (at - low) * (stops[low + 1][i] - stops[low][i]))))
                .str();
  return text;
}

class AttentionPainter {
public:
  explicit AttentionPainter(const AttentionPicture &picture)
      : picture(picture), count(int64_t(picture.tokens.size())) {}

  Drawing paint() {
    svg.text(64, 34, picture.title, "title");
    svg.text(64, 58, picture.subtitle, "note");
    legend(64, 78);
    if (picture.heads.size() == 1) {
      labels();
      map(picture.heads[0], Left, Top, Side, count <= MostTooltips);
      return {svg.take(), Top + Side + 30};
    }
    double side = (pageWidth - 128 - 30 * (Columns - 1)) / Columns;
    double y = 130;
    for (auto [i, head] : llvm::enumerate(picture.heads)) {
      double x = 64 + double(int64_t(i) % Columns) * (side + 30);
      if (i > 0 && int64_t(i) % Columns == 0)
        y += side + 40;
      svg.text(x, y, "head " + std::to_string(head), "head");
      map(head, x, y + 8, side, false);
    }
    return {svg.take(), y + side + 40};
  }

private:
  void legend(double x, double y) {
    svg.rectangle(x, y, 14, 14, colourEmpty);
    svg.text(x + 20, y + 11, "exactly 0, as masked pairs have", "faint");
    x += 240;
    for (int i = 0; i <= 50; ++i)
      svg.rectangle(x + i * 4, y, 4.2, 14, colourOf(float(i * i) / 2500));
    for (float at : {0.0f, 0.1f, 0.25f, 0.5f, 1.0f})
      svg.text(x + std::sqrt(at) * 204, y + 28,
               at == 0 ? "> 0" : formatv("{0:f2}", at).str(), "faint",
               at == 0 ? "start" : "middle");
    svg.text(x + 230, y + 11, "weight of a key (column) for a query (row)",
             "faint");
  }

  /// Runs of one colour are one rectangle where pairs say nothing themselves.
  void map(int64_t head, double x, double y, double side, bool tooltips) {
    double unit = side / double(count);
    svg.raw("<g shape-rendering='crispEdges'>\n");
    svg.rectangle(x, y, side, side, colourEmpty);
    for (int64_t q = 0; q < count; ++q)
      for (int64_t k = 0; k < count; ++k) {
        float weight = picture.weight(head, q, k);
        if (weight == 0)
          continue;
        std::string colour = colourOf(weight);
        int64_t from = k;
        while (!tooltips && k + 1 < count && picture.weight(head, q, k + 1) &&
               colourOf(picture.weight(head, q, k + 1)) == colour)
          ++k;
        svg.rectangle(x + double(from) * unit, y + double(q) * unit,
                      double(k - from + 1) * unit, unit, colour,
                      tooltips ? formatv("{0} ({1}) to {2} ({3}): {4:f4}",
                                         picture.tokens[q], q,
                                         picture.tokens[k], k, weight)
                                     .str()
                               : "");
      }
    svg.raw("</g>\n");
  }

  void labels() {
    double unit = Side / double(count);
    int64_t pitch = (count + MostLabels - 1) / MostLabels;
    for (int64_t i = 0; i < count; i += pitch) {
      double middle = (double(i) + 0.5) * unit;
      svg.text(Left - 8, Top + middle + 4, picture.tokens[i], "token", "end");
      svg.raw(formatv("<g transform='translate({0:f2},{1:f2}) rotate(-60)'>",
                      Left + middle + 4, Top - 8)
                  .str());
      svg.text(0, 0, picture.tokens[i], "token");
      svg.raw("</g>\n");
    }
  }

  const AttentionPicture &picture;
  int64_t count;
  Svg svg;
};

} // namespace

Drawing draw(const AttentionPicture &picture) {
  return AttentionPainter(picture).paint();
}

} // namespace heed::view
