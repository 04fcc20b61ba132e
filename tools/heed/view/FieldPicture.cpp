//===- FieldPicture.cpp - What one row of an output reads -----------------===//
#include "tools/heed/view/FieldPicture.h"

#include "tools/heed/view/Svg.h"

using llvm::formatv;

namespace heed::view {
namespace {

constexpr double Side = 600, Left = 64, Top = 110;
/// Steps of a way that are written out.
constexpr size_t MostSteps = 12;

class FieldPainter {
public:
  explicit FieldPainter(const FieldPicture &picture)
      : picture(picture), unit(Side / double(picture.positions)),
        row(std::clamp(420.0 / double(picture.heights.size()), 14.0, 34.0)) {}

  Drawing paint() {
    svg.text(Left, 34, picture.title, "title");
    svg.text(Left, 58,
             formatv("the rows that {0}[{1}] depends on, from the output down "
                     "to the inputs",
                     picture.heights.front().name, picture.out)
                 .str(),
             "note");
    int64_t pitch = std::max<int64_t>(1, picture.positions / 4);
    for (int64_t at = 0; at <= picture.positions; at += pitch)
      svg.text(Left + double(at) * unit, Top - 8, std::to_string(at), "faint",
               "middle");
    svg.text(Left + Side / 2, Top - 26, "positions", "head", "middle");
    for (auto [i, height] : llvm::enumerate(picture.heights))
      level(Top + double(i) * row, height);
    way();
    y = Top + double(picture.heights.size()) * row + 20;
    legend();
    words();
    return {svg.take(), y + 20};
  }

private:
  void level(double at, const FieldPicture::Height &height) {
    svg.rectangle(Left, at, Side, row - 3, colourEmpty);
    for (auto [from, to] : height.rows)
      svg.rectangle(
          Left + double(from) * unit, at,
          std::max(double(to - from) * unit, 1.0), row - 3, colourAllowed,
          to - from == 1
              ? formatv("{0}: row {1}", height.name, from).str()
              : formatv("{0}: rows {1} to {2}", height.name, from, to - 1)
                    .str());
    svg.rectangle(Left + double(picture.out) * unit, at, std::max(unit, 2.0),
                  row - 3, colourFull);
    svg.text(Left + Side + 12, at + row / 2 + 2, height.name, "faint");
  }

  /// From the output to the later row.
  void way() {
    std::string points, dots;
    for (auto [i, height] : llvm::enumerate(picture.heights))
      if (height.way) {
        double x = Left + (double(*height.way) + 0.5) * unit,
               at = Top + double(i) * row + row / 2 - 1.5;
        points += formatv("{0:f2},{1:f2} ", x, at).str();
        dots += formatv("<circle cx='{0:f2}' cy='{1:f2}' r='3.5' fill='{2}'>"
                        "<title>{3}: row {4}</title></circle>\n",
                        x, at, colourLeak, escaped(height.name), *height.way)
                    .str();
      }
    if (!points.empty())
      svg.raw("<polyline points='" + points + "' fill='none' stroke='" +
              std::string(colourLeak) + "' stroke-width='2'/>\n" + dots);
  }

  void legend() {
    double x = Left;
    auto entry = [&](const char *colour, const char *text) {
      svg.rectangle(x, y, 14, 14, colour);
      svg.text(x + 20, y + 11, text, "faint");
      x += 34 + 6.4 * double(llvm::StringRef(text).size());
    };
    entry(colourFull, "the row itself");
    entry(colourAllowed, "rows that it depends on");
    if (!picture.leak.empty())
      entry(colourLeak, "a way to a later row");
    y += 40;
  }

  void line(const std::string &text, const char *style) {
    for (const std::string &part : wrapped(text, 120)) {
      svg.text(Left, y, part, style);
      y += 18;
    }
  }

  void words() {
    line("Row out depends on, for all lengths", "head");
    for (const std::string &formula : picture.formulas)
      line(formula, "note");
    y += 8;
    if (picture.leak.empty())
      return;
    line("A row depends on a later one: " + picture.leak.front(), "leak");
    for (size_t i = 1; i < picture.leak.size() && i <= MostSteps; ++i)
      line(picture.leak[i], "note");
    if (picture.leak.size() > MostSteps + 1)
      line(formatv("… and {0} steps more", picture.leak.size() - 1 - MostSteps)
               .str(),
           "note");
  }

  const FieldPicture &picture;
  double unit, row, y = 0;
  Svg svg;
};

} // namespace

Drawing draw(const FieldPicture &picture) {
  return FieldPainter(picture).paint();
}

} // namespace heed::view
