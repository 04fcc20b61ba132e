// The loops of TileBounds against brute force: each key of each tile, for many
// lengths, offsets and tile sizes.
#include "passes/masks/TileBounds.h"
#include "tests/passes/masks/TestMasks.h"

#include "llvm/Support/raw_ostream.h"
#include <catch2/catch.hpp>

#include <random>

using namespace heed::masks;
using namespace heed::masks::test;

namespace {
struct Sizes {
  int64_t maxQ0, maxQueries, maxLength;
};

std::string print(const TileBounds &bounds) {
  std::string text;
  llvm::raw_string_ostream os(text);
  bounds.print(os);
  return text;
}

std::string text(mlir::MLIRContext &context,
                 const std::vector<std::string> &disjuncts,
                 const TileOptions &options = {},
                 MaskSymbol symbol = {"W", MaskSymbol::Parameter, 1}) {
  std::string error;
  auto mask = MaskSet::get(&context, parse(context, disjuncts, symbol.name),
                           symbol, error);
  REQUIRE(mask);
  return print(computeTileBounds(*mask, options));
}

/// Number of loops of `ranges` that visit the key.
int visits(llvm::ArrayRef<KeyRange> ranges, int64_t key,
           llvm::ArrayRef<int64_t> symbols) {
  int n = 0;
  for (const KeyRange &range : ranges)
    n += range.contains(key, symbols);
  return n;
}

/// Checks random tiles; true when the bounds are claimed exact.
bool check(const NamedMask &named, const TileOptions &options, Sizes sizes,
           int tiles, unsigned seed) {
  mlir::MLIRContext context;
  MaskSet mask = toMask(context, named);
  TileBounds bounds = computeTileBounds(mask, options);
  INFO(named.name << "\n" << print(bounds));
  std::mt19937 random(seed);
  for (int i = 0; i < tiles; ++i) {
    int64_t q0 = random() % (sizes.maxQ0 + 1),
            q1 = q0 + 1 + random() % sizes.maxQueries;
    int64_t length = 1 + random() % sizes.maxLength;
    if (options.keysReachTile)
      length = std::max(length, q1);
    int64_t x = named.minX + random() % (named.maxX - named.minX + 1);
    int64_t symbols[] = {q0, q1, length, x};
    // Two keys on either side of the sequence as well.
    for (int64_t key = -2; key < length + 2; ++key) {
      bool some = false, all = key >= 0 && key < length;
      for (int64_t q = q0; q < q1 && key >= 0 && key < length; ++q) {
        bool allowed = named.allows(q, key, x);
        some |= allowed;
        all &= allowed;
      }
      int needed = visits(bounds.needed, key, symbols),
          full = visits(bounds.full, key, symbols);
      int partial = visits(bounds.partial, key, symbols);
      bool good = bounds.exact ? needed == some && full == all &&
                                     partial == (some && !all)
                               : needed <= 1 && full + partial == needed &&
                                     needed >= some && full <= all;
      good &= needed == 0 || (key >= 0 && key < length);
      if (!good) {
        CAPTURE(q0, q1, length, x, key, some, all, needed, full, partial);
        FAIL_CHECK("wrong bounds");
        return bounds.exact;
      }
    }
  }
  SUCCEED();
  return bounds.exact;
}
} // namespace

TEST_CASE("common masks have exact bounds") {
  for (const NamedMask &mask : commonMasks())
    for (std::optional<int64_t> maxQueries :
         {std::optional<int64_t>(), std::optional<int64_t>(48),
          std::optional<int64_t>(1)}) {
      TileOptions options{.maxQueries = maxQueries, .filters = true};
      CHECK(check(mask, options, {300, maxQueries.value_or(100), 350}, 100, 7));
      options.keysReachTile = true;
      CHECK(check(mask, options, {300, maxQueries.value_or(100), 350}, 30, 8));
    }
}

TEST_CASE("without filters bounds stay sound") {
  for (const NamedMask &mask : commonMasks()) {
    bool exact = check(mask, {.maxQueries = 48}, {300, 48, 350}, 100, 9);
    CHECK(exact == (mask.name.find("dilated") == std::string::npos));
  }
}

TEST_CASE("random masks have exact bounds, or sound ones that say so") {
  int exact = 0, masks = 0;
  for (unsigned seed = 0; seed < randomCases(2000); ++seed) {
    TileOptions options{
        .maxQueries = 8, .filters = seed % 2 == 0, .allowance = 300'000};
    exact +=
        check(randomMask(seed, 1 + seed % 3), options, {14, 8, 24}, 16, seed);
    ++masks;
  }
  // Not so few that the check above says nothing.
  CHECK(exact > masks / 2);
}

TEST_CASE("bounds read well") {
  mlir::MLIRContext context;
  CHECK(text(context, {"0 == 0"}) == "needed:  [0, L)\n"
                                     "full:    [0, L)\n"
                                     "partial: none\n");
  CHECK(text(context, {"q - kv >= 0"}) == "needed:  [0, min(L, q1))\n"
                                          "full:    [0, min(L, q0 + 1))\n"
                                          "partial: [q0 + 1, min(L, q1))\n");
  CHECK(text(context, {"q - kv >= 0"},
             {.maxQueries = 1, .keysReachTile = true}) ==
        "needed:  [0, q0 + 1)\n"
        "full:    [0, q0 + 1)\n"
        "partial: none\n");
  CHECK(text(context, {"q - kv >= 0, kv - q + W - 1 >= 0"},
             {.keysReachTile = true}) ==
        "needed:  [max(q0 - W + 1, 0), q1)\n"
        "full:    [max(q1 - W, 0), q0 + 1)\n"
        "partial: [max(q0 - W + 1, 0), min(q1 - W, q0 + 1)) [q0 + 1, q1)\n");
  CHECK(text(context, {"q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0"},
             {.maxQueries = 64, .keysReachTile = true}) ==
        "needed:  [(q0 floordiv 64) * 64, q1)\n"
        "full:    [((q1 + 63) floordiv 64) * 64 - 64, q0 + 1)\n"
        "partial: [(q0 floordiv 64) * 64, min(((q1 + 63) floordiv 64) * 64 - "
        "64, q0 + 1)) [q0 + 1, q1)\n");
}

TEST_CASE("a stride is a filter, or is widened") {
  mlir::MLIRContext context;
  std::vector<std::string> dilated = {"q - kv >= 0, (q - kv) mod 4 == 0"};
  CHECK(text(context, dilated,
             {.maxQueries = 1, .keysReachTile = true, .filters = true}) ==
        "needed:  [0, q0 + 1) where kv + ((kv - q0 + 3) floordiv 4) * -4 - q0 "
        ">= 0\n"
        "full:    [0, q0 + 4) where kv + ((kv - q0 + 3) floordiv 4) * -4 - q0 "
        ">= 0\n"
        "partial: none\n");
  CHECK(text(context, dilated, {.maxQueries = 64, .keysReachTile = true}) ==
        "needed:  [0, q1)\n"
        "full:    none\n"
        "partial: [0, q1)\n"
        "not exact: ranges of keys hold those between keys at a stride\n");
}

TEST_CASE("constraints that are looked up per token make tiles partial") {
  mlir::MLIRContext context;
  std::string error;
  llvm::SmallVector<MaskSymbol> symbols = {{"doc[q]", MaskSymbol::Opaque},
                                           {"doc[kv]", MaskSymbol::Opaque}};
  auto mask = MaskSet::get(
      &context,
      parse(context, {"q - kv >= 0, a - b == 0", "3 - kv >= 0"}, "a, b"),
      symbols, error);
  REQUIRE(mask);
  CHECK(print(computeTileBounds(*mask, {.keysReachTile = true})) ==
        "needed:  [0, q1) [q1, min(L, 4))\n"
        "full:    [0, min(L, 4))\n"
        "partial: [4, q1)\n"
        "not exact: doc[q] is looked up per token\n");
}

TEST_CASE(
    "a mask that costs too much gets the bounds that are right for all masks") {
  mlir::MLIRContext context;
  CHECK(text(context, {"q - kv >= 0, kv - q + W - 1 >= 0"},
             {.allowance = 100}) == "needed:  [0, L)\n"
                                    "full:    none\n"
                                    "partial: [0, L)\n"
                                    "not exact: the mask is too complex for "
                                    "exact bounds: the range is all keys\n");
}

TEST_CASE("constraints without meaning are refused") {
  mlir::MLIRContext context;
  std::string error;
  auto refused = [&](const std::string &constraint) {
    error.clear();
    auto mask = MaskSet::get(&context, parse(context, {constraint}, "W"),
                             MaskSymbol{"W"}, error);
    return mask ? "accepted" : error;
  };
  CHECK(refused("q floordiv -4 - kv >= 0") ==
        "in `q floordiv -4 - kv >= 0`: a floordiv, ceildiv or mod by -4: the "
        "divisor must be positive");
  CHECK(
      refused("q - 5000000000 >= 0") ==
      "in `q - 5000000000 >= 0`: the constant -5000000000 is larger than 2^30");
  CHECK(refused("(q + kv) * 1073741823 + q * 5 - kv >= 0") ==
        "a coefficient is larger than 2^30");
  // Not affine, but it has a meaning: handled as if looked up per token.
  auto mask = MaskSet::get(
      &context,
      parse(context, {"q - kv >= 0, q floordiv W - kv floordiv W == 0"}, "W"),
      MaskSymbol{"W"}, error);
  REQUIRE(mask);
  CHECK_FALSE(mask->isExact());
  CHECK(mask->whyNotExact() ==
        "`q floordiv W - kv floordiv W == 0` is not affine");
  CHECK(print(computeTileBounds(*mask, {.keysReachTile = true})) ==
        "needed:  [0, q1)\n"
        "full:    none\n"
        "partial: [0, q1)\n"
        "not exact: `q floordiv W - kv floordiv W == 0` is not affine\n");
  auto wrongShape =
      MaskSet::get(&context, parse(context, {"q - kv >= 0"}, "W"), {}, error);
  CHECK_FALSE(wrongShape);
  CHECK(error == "a mask's set has dims (q, kv) and 0 symbols, this one has 2 "
                 "dims and 1 symbols");
}

TEST_CASE("a mask that names the number of keys speaks of L") {
  mlir::MLIRContext context;
  std::string error;
  llvm::SmallVector<MaskSymbol> symbols = {
      {"q_len", MaskSymbol::Parameter, 1},
      {"kv_len", MaskSymbol::KeyLength, 1}};
  // Aligned at the end: the last query sees the last key.
  auto mask = MaskSet::get(
      &context,
      parse(context, {"q + kv_len - q_len - kv >= 0"}, "q_len, kv_len"),
      symbols, error);
  REQUIRE(mask);
  CHECK(print(computeTileBounds(*mask)) ==
        "needed:  [0, min(q1 + L - q_len, L))\n"
        "full:    [0, min(q0 + L - q_len + 1, L))\n"
        "partial: [max(q0 + L - q_len + 1, 0), min(q1 + L - q_len, L))\n");
}
