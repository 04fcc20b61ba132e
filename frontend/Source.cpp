//===- Source.cpp - The text of a model file ------------------------------===//
#include "frontend/Source.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace heed;
using llvm::StringRef;

/// Walks the text once and keeps line and column.
template <typename Visit> static void eachByte(StringRef text, Visit visit) {
  Place at{1, 1};
  for (size_t i = 0; i < text.size(); ++i) {
    if (!visit(text[i], i, at))
      return;
    if (text[i] == '\n')
      at = {at.line + 1, 1};
    else
      ++at.column;
  }
}

/// Control bytes, and bytes that are not UTF-8: the first only, the rest of
/// such a file means nothing.
static bool checkBytes(StringRef text, Diagnostics &diags) {
  const auto *bytes = reinterpret_cast<const llvm::UTF8 *>(text.data());
  const llvm::UTF8 *stop = bytes;
  bool utf8 = llvm::isLegalUTF8String(&stop, bytes + text.size());
  size_t firstBad = utf8 ? text.size() : stop - bytes;
  bool good = true;
  eachByte(text, [&](char c, size_t i, Place at) {
    bool control =
        (unsigned char)c < ' ' && c != '\n' && c != '\r' && c != '\t';
    if (!control && c != 0x7f && i != firstBad)
      return true;
    std::string hex = llvm::utohexstr((unsigned char)c, true, 2);
    diags.error(at, llvm::Twine("expected a YAML text, found the byte 0x") +
                        hex +
                        (control || c == 0x7f ? "" : ", which is not UTF-8"));
    return good = false;
  });
  return good;
}

static bool isBlank(StringRef text) {
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    line = line.trim();
    if (!line.empty() && line[0] != '#' && line != "---")
      return false;
    text = rest;
  }
  return true;
}

static bool checkTabs(StringRef text, Diagnostics &diags) {
  bool good = true, indent = true;
  eachByte(text, [&](char c, size_t, Place at) {
    if (c == '\t' && indent) {
      diags.error(at, "a tab in the indentation; YAML is indented by spaces");
      good = indent = false;
    } else if (c != ' ') {
      indent = c == '\n';
    }
    return true;
  });
  return good;
}

/// Counts every bracket, also those in strings and comments: whoever opens 64
/// and does not close them is not writing a model.
static bool checkNesting(StringRef text, Diagnostics &diags) {
  size_t depth = 0;
  bool good = true;
  eachByte(text, [&](char c, size_t, Place at) {
    if (c == '[' || c == '{')
      ++depth;
    else if ((c == ']' || c == '}') && depth)
      --depth;
    if (depth <= MaxNesting)
      return true;
    diags.error(at, llvm::Twine("brackets are nested deeper than ") +
                        llvm::Twine(MaxNesting));
    return good = false;
  });
  return good;
}

std::optional<std::string> heed::readSource(StringRef path,
                                            Diagnostics &diags) {
  diags.setSource(path, "");
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status)) {
    diags.error({}, "cannot read it: " + code.message());
    return std::nullopt;
  }
  if (llvm::sys::fs::is_directory(status)) {
    diags.error({}, "expected a model file, this is a folder");
    return std::nullopt;
  }
  if (status.getSize() > MaxFileBytes) {
    diags.error({}, llvm::Twine("expected a model file of at most ") +
                        llvm::Twine(MaxFileBytes >> 20) + " MB, this has " +
                        llvm::Twine(status.getSize() >> 20) + " MB");
    return std::nullopt;
  }
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer) {
    diags.error({}, "cannot read it: " + buffer.getError().message());
    return std::nullopt;
  }
  std::string text = (*buffer)->getBuffer().str();
  diags.setSource(path, text);
  if (!checkBytes(text, diags))
    return std::nullopt;
  if (isBlank(text)) {
    diags.error({1, 1}, "the file is empty; expected `model: NAME` and so on");
    return std::nullopt;
  }
  bool tabs = checkTabs(text, diags), nesting = checkNesting(text, diags);
  if (!tabs || !nesting)
    return std::nullopt;
  return text;
}
