// Counts of allowed pairs, by formula and by rows, against brute force.
#include "passes/masks/MaskCount.h"
#include "tests/passes/masks/TestMasks.h"

#include "llvm/Support/raw_ostream.h"
#include <catch2/catch.hpp>

#include <random>

using namespace heed::masks;
using namespace heed::masks::test;

namespace {
std::string print(const MaskCount &count) {
  std::string text;
  llvm::raw_string_ostream os(text);
  count.print(os);
  return text;
}

/// True when there is a closed formula.
bool check(const NamedMask &named, bool square, int sizes, int64_t largest,
           unsigned seed) {
  mlir::MLIRContext context;
  MaskCount count = computeMaskCount(toMask(context, named), square);
  INFO(named.name << ": " << print(count));
  if (!count.exact)
    return false;
  std::mt19937 random(seed);
  for (int i = 0; i < sizes; ++i) {
    int64_t queries = 1 + random() % largest,
            length = square ? queries : 1 + random() % largest;
    int64_t x = named.minX + random() % (named.maxX - named.minX + 1);
    int64_t symbols[] = {queries, length, x}, pairs = 0;
    for (int64_t q = 0; q < queries; ++q)
      for (int64_t kv = 0; kv < length; ++kv)
        pairs += named.allows(q, kv, x);
    CAPTURE(queries, length, x);
    REQUIRE(count.evaluate(symbols) == pairs);
    REQUIRE(count.sumOfRows(symbols) == pairs);
  }
  return count.formula.has_value();
}
} // namespace

TEST_CASE("counts of common masks") {
  for (const NamedMask &mask : commonMasks())
    for (bool square : {true, false}) {
      bool closed = check(mask, square, 60, 160, 3);
      // Strides and blocks have digits of one length; two disjuncts of them are
      // counted by rows.
      bool divides = mask.name.find("dilated") != std::string::npos ||
                     mask.name.find("blocks") != std::string::npos;
      bool simple = mask.name == "dilated" || mask.name == "blocks";
      CAPTURE(mask.name);
      CHECK(closed == (!divides || (simple && square)));
    }
}

TEST_CASE("counts of random masks") {
  for (unsigned seed = 800; seed < 800 + randomCases(2000); ++seed)
    check(randomMask(seed, 2), seed % 2, 12, 30, seed);
}

TEST_CASE("counts in words") {
  mlir::MLIRContext context;
  std::string error;
  auto count = [&](const std::vector<std::string> &disjuncts,
                   MaskSymbol symbol = {"W", MaskSymbol::Parameter, 1}) {
    auto mask = MaskSet::get(&context, parse(context, disjuncts, symbol.name),
                             symbol, error);
    return print(computeMaskCount(*mask, true));
  };
  CHECK(count({"0 == 0"}) == "Lq * Lq");
  CHECK(count({"q - kv == 0"}) == "Lq");
  CHECK(count({"q - kv >= 0"}) == "(Lq * Lq + Lq) / 2");
  CHECK(count({"q - kv >= 0, kv - q + W - 1 >= 0"}) ==
        "(Lq * Lq + Lq) / 2 if -Lq + W >= 0; (2 * Lq * W - W * W + W) / 2 if "
        "Lq - W - 1 >= 0");
  CHECK(count({"q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0"}) ==
        "((Lq mod 64) * (Lq mod 64) + 4160 * (Lq floordiv 64) + (Lq mod 64)) / "
        "2");
  // Points only where a digit of Lq has one value: the library alone drops
  // them.
  CHECK(count({"kv floordiv 2 - q floordiv 2 == 0"}) ==
        "4 * (Lq floordiv 2) + 1 if (Lq mod 2) - 1 == 0; 4 * (Lq floordiv 2) "
        "if (Lq mod 2) == 0");
  // A slope and a modulus: one part has no formula, so the whole has none.
  CHECK(count({"0 - q mod 2 >= 0, 2 * q - 3 * kv + 6 >= 0"}).substr(0, 14) ==
        "the sum over q");
  CHECK(count({"q - kv >= 0, 1 + kv floordiv 64 - q floordiv 64 >= 0"}) ==
        "the sum over q of the keys in [max((q floordiv 64) * 64 - 64, 0), q + "
        "1)");
  CHECK(count({"q - kv >= 0, W == 0"}, {"W", MaskSymbol::Opaque}) ==
        "(Lq * Lq + Lq) / 2 (at most; W is looked up per token)");
}
