//===- Support.h - What the tokenizer tests share -------------------------===//
#pragma once

#include "codegen/pack/tokenizer/TokenizerModel.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace heed::test {

inline std::string goldenPath(const std::string &name) {
  return std::string(HEED_GOLDEN) + "/" + name;
}

inline std::string readText(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  INFO(path);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The lines of hard_text.txt: LF alone ends a line.
inline std::vector<std::string> hardLines() {
  std::string text = readText(goldenPath("hard_text.txt"));
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// A cached model file: $HEED_CACHE, ./.cache or ~/.cache/heed; empty when
/// there is none.
inline std::string cachedFile(const std::string &name) {
  std::vector<std::filesystem::path> places{".cache"};
  if (const char *cache = std::getenv("HEED_CACHE"))
    places.insert(places.begin(), cache);
  if (const char *home = std::getenv("HOME"))
    places.push_back(std::filesystem::path(home) / ".cache" / "heed");
  for (const std::filesystem::path &place : places)
    if (std::filesystem::exists(place / name))
      return (place / name).string();
  return {};
}

/// A built table with the tokenizer over it.
struct Built {
  explicit Built(Result<TokenizerTable> made) {
    INFO((made ? std::string() : made.error().text));
    REQUIRE(made);
    table = std::move(*made);
    Result<Tokenizer> opened =
        Tokenizer::open(std::as_bytes(std::span(table.bytes)));
    INFO((opened ? std::string() : opened.error().text));
    REQUIRE(opened);
    tokenizer = *opened;
  }
  const Tokenizer *operator->() const { return &*tokenizer; }
  const Tokenizer &operator*() const { return *tokenizer; }

  TokenizerTable table;
  std::optional<Tokenizer> tokenizer;
};

} // namespace heed::test
