//===- Svg.cpp - Text that becomes a picture ------------------------------===//
#include "tools/heed/view/Svg.h"

#include "runtime/formats/MappedFile.h"
#include "runtime/support/AtomicFile.h"
#include "tools/heed/Report.h"

using llvm::StringRef;

namespace heed::view {

std::string escaped(StringRef text) {
  std::string out;
  llvm::raw_string_ostream os(out);
  llvm::printHTMLEscaped(text, os);
  return out;
}

std::vector<std::string> wrapped(StringRef text, size_t width) {
  std::vector<std::string> lines;
  std::string line;
  llvm::SmallVector<StringRef> words;
  text.split(words, ' ');
  for (StringRef word : words) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      lines.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word.str();
  }
  lines.push_back(line);
  return lines;
}

static std::string number(double value) {
  std::string text = llvm::formatv("{0:f2}", value);
  StringRef trimmed = text;
  while (trimmed.consume_back("0"))
    ;
  trimmed.consume_back(".");
  return trimmed.empty() ? "0" : trimmed.str();
}

void Svg::rectangle(double x, double y, double width, double height,
                    StringRef colour, StringRef tooltip) {
  out += "<rect x='" + number(x) + "' y='" + number(y) + "' width='" +
         number(width) + "' height='" + number(height) + "' fill='" +
         colour.str() + "'";
  out += tooltip.empty() ? "/>\n"
                         : "><title>" + escaped(tooltip) + "</title></rect>\n";
}

void Svg::line(double x1, double y1, double x2, double y2, StringRef colour,
               double width) {
  out += "<line x1='" + number(x1) + "' y1='" + number(y1) + "' x2='" +
         number(x2) + "' y2='" + number(y2) + "' stroke='" + colour.str() +
         "' stroke-width='" + number(width) + "'/>\n";
}

void Svg::text(double x, double y, StringRef text, StringRef style,
               StringRef anchor) {
  out += "<text x='" + number(x) + "' y='" + number(y) + "' class='" +
         style.str() + "'";
  if (anchor != "start")
    out += " text-anchor='" + anchor.str() + "'";
  out += ">" + escaped(text) + "</text>\n";
}

static constexpr const char *style =
    "text{font-family:'Helvetica Neue',Helvetica,Arial,sans-serif;"
    "fill:#2a2a28}"
    ".title{font-size:22px;font-weight:600}"
    ".mask{font-size:15px;font-family:'DejaVu Sans Mono',Menlo,Consolas,"
    "monospace}"
    ".note{font-size:13px}.head{font-size:13px;font-weight:600}"
    ".faint{font-size:12px;fill:#77746c}"
    ".leak{font-size:13px;fill:#c0392b}"
    ".token{font-size:12px;font-family:'DejaVu Sans Mono',Menlo,Consolas,"
    "monospace;white-space:pre}"
    // At night: paper, ink and what is empty; the other colours stay.
    "@media(prefers-color-scheme:dark){text{fill:#e8e6e0}"
    ".faint{fill:#a5a299}.leak{fill:#ff8a75}"
    "rect[fill='#ffffff']{fill:#1b1b19}rect[fill='#eeece6']{fill:#34332f}"
    "line[stroke='#ffffff']{stroke:#1b1b19}}";

static std::string svgPage(StringRef title, StringRef body, double height) {
  std::string out = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " +
                    number(pageWidth) + " " + number(height) + "' width='" +
                    number(pageWidth) + "' height='" + number(height) +
                    "' role='img'>\n<title>" + escaped(title) +
                    "</title>\n<style>" + style + "</style>\n";
  Svg paper;
  paper.rectangle(0, 0, pageWidth, height, "#ffffff");
  return out + paper.take() + body.str() + "</svg>\n";
}

static std::string htmlPage(StringRef title, StringRef body, double height) {
  return "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
         "<title>" +
         escaped(title) +
         "</title>\n<style>body{margin:0;background:#ffffff}"
         "@media(prefers-color-scheme:dark){body{background:#1b1b19}}"
         "svg{display:block;margin:0 auto;max-width:100%;height:auto}"
         "</style>\n</head>\n<body>\n" +
         svgPage(title, body, height) + "</body>\n</html>\n";
}

int writePage(const std::string &path, const std::string &title,
              const Drawing &drawing) {
  std::string text = StringRef(path).ends_with(".svg")
                         ? svgPage(title, drawing.svg, drawing.height)
                         : htmlPage(title, drawing.svg, drawing.height);
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return reportError(file.error());
  if (Status written = file->append(
          Bytes(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
      !written)
    return reportError(written.error());
  if (Status done = file->commit(); !done)
    return reportError(done.error());
  llvm::outs() << path << '\n';
  return 0;
}

} // namespace heed::view
