// Counts of allowed pairs, by formula and by rows, against brute force.
#include "passes/masks/MaskCount.h"
#include "passes/masks/EachPair.h"
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
           unsigned seed, int64_t allowance = Exact::defaultAllowance) {
  mlir::MLIRContext context;
  MaskCount count = computeMaskCount(toMask(context, named), square, allowance);
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
      // Digits of two lengths may have too many cases.
      bool divides = mask.name.find("dilated") != std::string::npos ||
                     mask.name.find("blocks") != std::string::npos;
      CAPTURE(mask.name);
      if (square || !divides)
        CHECK(closed);
    }
}

TEST_CASE("counts pair by pair") {
  mlir::MLIRContext context;
  for (unsigned seed = 0; seed < 400; ++seed) {
    NamedMask mask = randomMask(seed, 3);
    for (auto [queries, keys] : {std::pair(23, 23), std::pair(7, 40)}) {
      int64_t x = mask.minX + seed % (mask.maxX - mask.minX + 1), pairs = 0;
      for (int64_t q = 0; q < queries; ++q)
        for (int64_t kv = 0; kv < keys; ++kv)
          pairs += mask.allows(q, kv, x);
      INFO(mask.name);
      CHECK(countEachPair(toMask(context, mask).atMost(), queries, keys, x) ==
            pairs);
    }
  }
}

TEST_CASE("counts of random masks") {
  for (unsigned seed = 800; seed < 800 + randomCases(2000); ++seed)
    check(randomMask(seed, 2), seed % 2, 12, 30, seed, 120'000);
}

namespace {
/// A mask that has a closed formula: blocks, strides and windows whose moduli
/// divide one another, alone, with the block before, with sinks, and united.
NamedMask randomBlocks(unsigned seed) {
  using I = int64_t;
  std::mt19937 random(seed);
  I m = 2 + random() % 7, n = m * (2 + random() % 3), c = random() % m,
    w = 1 + random() % 40, before = random() % 3;
  std::string M = std::to_string(m), N = std::to_string(n),
              C = std::to_string(c), W = std::to_string(w),
              B = std::to_string(before);
  const std::string causal = "q - kv >= 0, ";
  std::vector<std::pair<std::string, std::function<bool(I, I, I)>>> parts = {
      {"(q - kv) mod " + M + " - " + C + " == 0",
       [=](I q, I k, I) { return (q - k) % m == c; }},
      {"q floordiv " + N + " - kv floordiv " + N + " == 0",
       [=](I q, I k, I) { return q / n == k / n; }},
      {B + " + kv floordiv " + M + " - q floordiv " + M + " >= 0",
       [=](I q, I k, I) { return q / m - k / m <= before; }},
      {"kv mod " + M + " - " + C + " == 0",
       [=](I, I k, I) { return k % m == c; }},
      {"kv mod " + N + " - " + C + " >= 0",
       [=](I, I k, I) { return k % n >= c; }},
      {"kv - q + " + W + " - 1 >= 0", [=](I q, I k, I) { return q - k < w; }},
      {C + " - kv >= 0", [=](I, I k, I) { return k <= c; }},
      {"kv - q + " + W + " - 1 >= 0, (q - kv) mod " + M + " == 0",
       [=](I q, I k, I) { return q - k < w && (q - k) % m == 0; }},
      {"q floordiv " + N + " - kv floordiv " + N + " == 0, kv mod " + M +
           " == 0",
       [=](I q, I k, I) { return q / n == k / n && k % m == 0; }},
      {"kv - q + X - 1 >= 0", [=](I q, I k, I x) { return q - k < x; }}};
  auto [one, allowsOne] = parts[random() % parts.size()];
  auto [two, allowsTwo] = parts[random() % (parts.size() - 1)];
  bool unite = random() % 2;
  NamedMask mask{one, {causal + one}, {}, 1, 60};
  if (unite) {
    mask.name += " or " + two;
    mask.disjuncts.push_back(causal + two);
  }
  mask.allows = [=, first = allowsOne, second = allowsTwo](I q, I k, I x) {
    return k <= q && (first(q, k, x) || (unite && second(q, k, x)));
  };
  return mask;
}
} // namespace

TEST_CASE("counts of random blocks and strides") {
  unsigned cases = randomCases(100), closed = 0;
  for (unsigned seed = 5000; seed < 5000 + cases; ++seed)
    closed += check(randomBlocks(seed), true, 12, 100, seed);
  // The others would have too many cases.
  CAPTURE(closed);
  CHECK(closed * 100 >= cases * 95);
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
        "(Lq * Lq + Lq) / 2 if W >= Lq; (2 * Lq * W - W * W + W) / 2 if "
        "Lq > W");
  CHECK(count({"q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0"}) ==
        "((Lq mod 64) * (Lq mod 64) + 4160 * (Lq floordiv 64) + (Lq mod 64)) / "
        "2");
  // Points only where a digit of Lq has one value: Barvinok's would drop them.
  CHECK(count({"kv floordiv 2 - q floordiv 2 == 0"}) ==
        "(Lq mod 2) * (Lq mod 2) + 4 * (Lq floordiv 2)");
  // A slope and a modulus: one part has no formula, so the whole has none.
  CHECK(count({"0 - q mod 2 >= 0, 2 * q - 3 * kv + 6 >= 0"}).substr(0, 14) ==
        "the sum over q");
  CHECK(count({"q - kv >= 0, 1 + kv floordiv 64 - q floordiv 64 >= 0"}) ==
        "((Lq mod 64) * (Lq mod 64) + 12352 * (Lq floordiv 64) + 129 * (Lq mod "
        "64) - 8192) / 2 if (Lq floordiv 64) > 0; ((Lq mod 64) * (Lq mod "
        "64) + (Lq mod 64)) / 2 if (Lq floordiv 64) == 0");
  // A stride within blocks, a stride beside a window, several moduli.
  CHECK(count({"q - kv >= 0, (q - kv) mod 4 == 0"}) ==
        "2 * (Lq floordiv 4) * (Lq floordiv 4) + (Lq floordiv 4) * (Lq mod 4) "
        "+ 2 * (Lq floordiv 4) + (Lq mod 4)");
  CHECK(count({"q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0, (q - kv) mod "
               "4 == 0"}) ==
        "2 * ((Lq mod 64) floordiv 4) * ((Lq mod 64) floordiv 4) + ((Lq mod "
        "64) floordiv 4) * (Lq mod 4) + 544 * (Lq floordiv 64) + 2 * ((Lq mod "
        "64) floordiv 4) + (Lq mod 4)");
  CHECK(count({"q - 2 * kv >= 0"}) ==
        "the sum over q of the keys in [0, q floordiv 2 + 1) (no closed form: "
        "a slope, or moduli that do not divide one another)");
  CHECK(count({"q - kv >= 0, W == 0"}, {"W", MaskSymbol::Opaque}) ==
        "(Lq * Lq + Lq) / 2 (at most; W is looked up per token)");
}
