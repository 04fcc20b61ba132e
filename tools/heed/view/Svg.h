//===- Svg.h - Text that becomes a picture --------------------------------===//
#pragma once

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace heed::view {

/// Width of a page in its own units.
inline constexpr double pageWidth = 1120;

/// The colours mean the same everywhere.
inline constexpr const char *colourFull = "#3a6ea5", *colourAllowed = "#9cc3ea",
                            *colourWasted = "#f2c58a", *colourEmpty = "#eeece6",
                            *colourLeak = "#c0392b", *colourInk = "#2a2a28",
                            *colourFaint = "#77746c";

std::string escaped(llvm::StringRef text);

/// Lines of at most `width` characters, broken at spaces.
std::vector<std::string> wrapped(llvm::StringRef text, size_t width);

/// SVG elements, one after the other.
class Svg {
public:
  void rectangle(double x, double y, double width, double height,
                 llvm::StringRef colour, llvm::StringRef tooltip = "");
  void line(double x1, double y1, double x2, double y2, llvm::StringRef colour,
            double width);
  /// `anchor`: start, middle or end.
  void text(double x, double y, llvm::StringRef text, llvm::StringRef style,
            llvm::StringRef anchor = "start");
  void raw(llvm::StringRef text) { out += text; }
  std::string take() { return std::move(out); }

private:
  std::string out;
};

/// A group of SVG elements, `height` units high and as wide as the page.
struct Drawing {
  std::string svg;
  double height = 0;
};

/// Writes the whole picture: a file that ends with .svg, or else an HTML page
/// that holds it, and says its name. Nothing in it comes from elsewhere.
/// Returns the exit code.
int writePage(const std::string &path, const std::string &title,
              const Drawing &drawing);

} // namespace heed::view
