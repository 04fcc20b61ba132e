//===- MaskPicture.cpp - A mask and its tiles, as SVG ---------------------===//
#include "tools/heed/view/MaskPicture.h"

#include "passes/masks/Causality.h"
#include "passes/masks/EqualWork.h"
#include "tools/heed/view/Svg.h"

using namespace mlir;
using namespace heed::attn;
using llvm::formatv;

namespace heed::view {

int64_t pleasantLength(MaskAttr mask, int64_t tile) {
  int64_t largest = 0;
  for (IntegerSet set : mask.getDisjuncts())
    for (AffineExpr expr : set.getConstraints())
      expr.walk([&](AffineExpr part) {
        // A window of a million is none.
        if (auto constant = dyn_cast<AffineConstantExpr>(part);
            constant && std::abs(constant.getValue()) <= 8192)
          largest = std::max(largest, std::abs(constant.getValue()));
      });
  return largest <= 2 ? 16 * tile
                      : std::clamp<int64_t>(4 * (largest + 1), 64, 16384);
}

namespace {
/// A picture of one mask: the pairs as a square of `Side` units, notes beside.
/// Pairs are drawn in at most `resolution` cells a side: one whose pairs are
/// not told apart is allowed where one of them is.
class Painter {
public:
  Painter(const MaskPicture &picture, int64_t resolution)
      : picture(picture), mask(*picture.mask), queries(mask.queries),
        keys(mask.keys), bounds(picture.facts->tileBounds()),
        xUnit(Side / double(keys)), yUnit(Side / double(queries)),
        cellQueries(llvm::divideCeil(queries, resolution)),
        cellKeys(llvm::divideCeil(keys, resolution)) {}

  Drawing paint() {
    svg.text(Left, 34, picture.title, "title");
    subtitle();
    matrix();
    double notesEnd = notes();
    return {svg.take(), std::max(Top + Side + 70, notesEnd + 20)};
  }

private:
  static constexpr double Side = 600, Left = 64, Top = 110,
                          NotesLeft = Left + Side + 40;

  /// Two lines at most.
  void subtitle() {
    std::vector<std::string> lines = wrapped(picture.subtitle, 112);
    if (lines.size() > 2)
      lines[1] += " …";
    for (size_t i = 0; i < std::min<size_t>(lines.size(), 2); ++i)
      svg.text(Left, 54 + 18 * double(i), lines[i], "mask");
  }

  void matrix() {
    svg.raw(formatv("<g transform='translate({0},{1})' "
                    "shape-rendering='crispEdges'>\n",
                    Left, Top)
                .str());
    svg.rectangle(0, 0, Side, Side, colourEmpty);
    // Tiles lower than a cell are drawn as the first of those in it.
    int64_t pitch = llvm::alignTo(cellQueries, picture.tile);
    for (int64_t q0 = 0; q0 < queries; q0 += pitch)
      tileRow(q0, std::min(q0 + picture.tile, queries),
              std::min(pitch, queries - q0));
    grid();
    svg.raw("</g>\n");
    axes();
  }

  /// What one tile of queries visits, `height` queries high.
  void tileRow(int64_t q0, int64_t q1, int64_t height) {
    overParts(q0, q1, [&](int64_t from, int64_t to, bool full) {
      part(q0, q1, height, from, to, full);
    });
  }

  int64_t visitedOfTile(int64_t q0, int64_t q1) {
    int64_t visited = 0;
    overParts(q0, q1, [&](int64_t from, int64_t to, bool) {
      visited += (to - from) * (q1 - q0);
    });
    return visited;
  }

  /// The ranges of keys of a tile, cut by the conditions on tables.
  void overParts(int64_t q0, int64_t q1,
                 llvm::function_ref<void(int64_t, int64_t, bool)> body) {
    SmallVector<int64_t> values = {q0, q1, keys};
    values.append(mask.symbols().begin(), mask.symbols().end());
    std::pair<int64_t, int64_t> some{0, keys}, all = some;
    if (!picture.facts->conditions().conditions.empty())
      std::tie(some, all) = tableRanges(q0, q1);
    auto hand = [&](int64_t from, int64_t to, bool full) {
      if (from < to)
        body(from, to, full);
    };
    for (bool full : {true, false})
      for (const masks::KeyRange &range : full ? bounds.full : bounds.partial) {
        auto [from, to] = range.bounds(values);
        from = std::max({from, some.first, int64_t(0)});
        to = std::min({to, some.second, keys});
        if (from >= to)
          continue;
        int64_t inner = full ? std::clamp(all.first, from, to) : to,
                outer = full ? std::clamp(all.second, inner, to) : to;
        hand(from, inner, false);
        hand(inner, outer, true);
        hand(outer, to, false);
      }
  }

  void part(int64_t q0, int64_t q1, int64_t height, int64_t from, int64_t to,
            bool full) {
    std::string tooltip = formatv(
        "queries {0} to {1}, keys {2} to {3}: {4}", q0, q1 - 1, from, to - 1,
        full ? "full, no mask runs here" : "partial, masked pair by pair");
    svg.rectangle(from * xUnit, q0 * yUnit, (to - from) * xUnit, height * yUnit,
                  full ? colourFull : colourWasted, tooltip);
    if (full)
      return;
    auto isAllowed = [&](int64_t q, int64_t kv) {
      for (int64_t end = std::min(kv + cellKeys, to); kv < end; ++kv)
        if (mask.allows(q, kv))
          return true;
      return false;
    };
    std::string path;
    for (int64_t q = q0; q < q1; q += cellQueries) {
      double rows = height > q1 - q0 ? height : std::min(cellQueries, q1 - q);
      for (int64_t kv = from; kv < to; kv += cellKeys) {
        if (!isAllowed(q, kv))
          continue;
        int64_t start = kv;
        while (kv < to && isAllowed(q, kv))
          kv += cellKeys;
        path += formatv("M{0:f2} {1:f2}h{2:f2}v{3:f2}h-{2:f2}z", start * xUnit,
                        q * yUnit, (std::min(kv, to) - start) * xUnit,
                        rows * yUnit);
      }
    }
    if (!path.empty())
      svg.raw("<path d='" + path + "' fill='" + colourAllowed +
              "' pointer-events='none'/>\n");
  }

  /// The keys that meet the conditions with some query of the tile, and those
  /// that meet them with all; the example's tables are sorted. To a cell where
  /// pairs are not counted.
  std::pair<std::pair<int64_t, int64_t>, std::pair<int64_t, int64_t>>
  tableRanges(int64_t q0, int64_t q1) {
    std::pair<int64_t, int64_t> some{0, 0}, all{0, 0};
    int64_t keyStep = isCounted() ? 1 : cellKeys,
            queryStep = isCounted() ? 1 : cellQueries;
    auto extend = [&](std::pair<int64_t, int64_t> &range, int64_t kv) {
      if (range.first == range.second)
        range.first = kv;
      range.second = std::min(kv + keyStep, keys);
    };
    for (int64_t kv = 0; kv < keys; kv += keyStep) {
      bool one = false, every = true;
      for (int64_t q = q0; q < q1; q += queryStep) {
        bool met = mask.conditionsHold(q, kv);
        one |= met;
        every &= met;
      }
      if (one)
        extend(some, kv);
      if (every)
        extend(all, kv);
    }
    return {some, all};
  }

  /// Tiles of queries, and keys at the same pitch; single pairs where they are
  /// large enough.
  void grid() {
    auto lines = [&](int64_t pitch, double width) {
      if (pitch * std::min(xUnit, yUnit) < 1)
        return;
      for (int64_t q = pitch; q < queries; q += pitch)
        svg.line(0, q * yUnit, Side, q * yUnit, "#ffffff", width);
      for (int64_t kv = pitch; kv < keys; kv += pitch)
        svg.line(kv * xUnit, 0, kv * xUnit, Side, "#ffffff", width);
    };
    svg.raw("<g pointer-events='none' opacity='0.8' shape-rendering='auto'>\n");
    if (xUnit > 5)
      lines(1, 0.5);
    lines(picture.tile, picture.tile * xUnit > 12 ? 1.4 : 0.5);
    svg.raw("</g>\n");
  }

  void axes() {
    auto ticks = [&](int64_t length, auto put) {
      int64_t pitch =
          llvm::bit_floor(uint64_t(std::max<int64_t>(4, length)) / 4);
      for (int64_t at = 0; at <= length; at += pitch)
        put(at);
    };
    ticks(keys, [&](int64_t at) {
      svg.text(Left + at * xUnit, Top - 8, std::to_string(at), "faint",
               "middle");
    });
    ticks(queries, [&](int64_t at) {
      svg.text(Left - 8, Top + at * yUnit + 4, std::to_string(at), "faint",
               "end");
    });
    svg.text(Left + Side / 2, Top - 26, "keys", "head", "middle");
    svg.raw(formatv("<text transform='translate({0},{1}) rotate(-90)' "
                    "class='head' text-anchor='middle'>queries</text>\n",
                    Left - 44, Top + Side / 2)
                .str());
    double x = Left, y = Top + Side + 20;
    auto entry = [&](const char *colour, StringRef text) {
      svg.rectangle(x, y, 14, 14, colour);
      svg.text(x + 20, y + 11, text, "faint");
      x += 34 + 6.4 * text.size();
    };
    entry(colourFull, "full: no mask runs");
    entry(colourAllowed, "partial: allowed");
    entry(colourWasted, "partial: masked");
    entry(colourEmpty, "empty: never visited");
  }

  /// Few enough pairs to look at each.
  bool isCounted() const { return queries * keys <= 1 << 22; }

  /// Numbers of pairs; where tables are looked up, or no count is exact, of a
  /// small example pair by pair.
  std::string counts() {
    std::string text = formatv("{0} queries, {1} keys, tiles of {2} queries.",
                               queries, keys, picture.tile);
    int64_t visited = 0, allowed = 0, pairs = queries * keys;
    if (!mask.hasTables && picture.facts->count().exact) {
      SmallVector<int64_t> lengths = {queries, keys};
      llvm::append_range(lengths, mask.symbols());
      allowed = picture.facts->count().evaluate(lengths);
      for (int64_t work : masks::visitedPairs(bounds, 0, queries, picture.tile,
                                              keys, mask.symbols()))
        visited += work;
    } else if (!isCounted()) {
      return text;
    } else {
      for (int64_t q0 = 0; q0 < queries; q0 += picture.tile) {
        int64_t q1 = std::min(q0 + picture.tile, queries);
        visited += visitedOfTile(q0, q1);
        for (int64_t q = q0; q < q1; ++q)
          for (auto [from, to] : mask.keysOf(q))
            allowed += to - from;
      }
    }
    return text + formatv(" {0} of {1} pairs are allowed ({2:f1} %), {3} are "
                          "visited{4}.",
                          allowed, pairs, 100.0 * allowed / pairs, visited,
                          allowed ? formatv(" ({0:f3} of the allowed)",
                                            double(visited) / allowed)
                                        .str()
                                  : std::string())
                      .str();
  }

  double notes() {
    double y = Top + 10;
    auto paragraph = [&](StringRef head, StringRef text) {
      svg.text(NotesLeft, y, head, "head");
      y += 18;
      for (const std::string &line : wrapped(text, 56)) {
        svg.text(NotesLeft, y, line, "note");
        y += 17;
      }
      y += 12;
    };
    paragraph("In this picture", counts());
    auto printed = [](const auto &fact) {
      std::string text;
      llvm::raw_string_ostream os(text);
      fact.print(os);
      return text;
    };
    auto ranges = [&](ArrayRef<masks::KeyRange> list) {
      std::string text;
      llvm::raw_string_ostream os(text);
      llvm::interleave(
          list, os,
          [&](const masks::KeyRange &r) { r.print(os, bounds.names); },
          " and ");
      return list.empty() ? "none" : text;
    };
    paragraph(
        "Keys of a tile q0 to q1 of queries, for all lengths",
        "full " + ranges(bounds.full) + "; partial " + ranges(bounds.partial) +
            (bounds.exact ? ""
                          : " (wider than needed: " + bounds.reason + ")"));
    if (mask.hasTables)
      paragraph("Tables",
                mask.hasDocuments
                    ? "Drawn for four documents of one length. Which keys a "
                      "tile needs is found when it runs, by binary search, "
                      "where the table is sorted."
                    : "Drawn with a last quarter of padding. Which keys a tile "
                      "needs is found when it runs, by binary search, where "
                      "the table is sorted.");
    paragraph("Allowed pairs of a head",
              printed(picture.facts->count()) +
                  (mask.hasTables ? ", less what the tables forbid" : ""));
    paragraph("Rows", printed(picture.facts->rowCoverage()));
    paragraph("Causality",
              printed(masks::computeCausality(picture.facts->set())));
    AttentionOp op = picture.op;
    if (isa<CacheType>(op.getK().getType()))
      paragraph("A cache keeps", printed(picture.facts->cacheCapacity()));
    for (const std::string &note : picture.notes)
      paragraph("Tiles", note);
    return y;
  }

  const MaskPicture &picture;
  ExampleMask &mask;
  int64_t queries, keys;
  const masks::TileBounds &bounds;
  double xUnit, yUnit;
  int64_t cellQueries, cellKeys;
  Svg svg;
};
} // namespace

Drawing draw(const MaskPicture &picture) {
  // Coarser where there are more strokes than a browser likes.
  constexpr size_t mostBytes = 2'000'000;
  for (int64_t resolution = 1200;; resolution /= 2) {
    Drawing drawing = Painter(picture, resolution).paint();
    if (drawing.svg.size() <= mostBytes || resolution <= 150)
      return drawing;
  }
}

} // namespace heed::view
