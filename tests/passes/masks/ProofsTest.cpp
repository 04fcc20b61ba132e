// Row coverage, causality and cache capacity against brute force.
#include "passes/masks/CacheCapacity.h"
#include "passes/masks/Causality.h"
#include "passes/masks/RowCoverage.h"
#include "tests/passes/masks/TestMasks.h"

#include "llvm/Support/raw_ostream.h"
#include <catch2/catch.hpp>

using namespace heed::masks;
using namespace heed::masks::test;

namespace {
template <typename T> std::string print(const T &result) {
  std::string text;
  llvm::raw_string_ostream os(text);
  result.print(os);
  return text;
}

/// Values of X to try: the ends of its range and a few between.
std::vector<int64_t> samplesOfX(const NamedMask &mask) {
  std::vector<int64_t> values = {mask.minX, mask.maxX};
  for (int64_t x : {-3, 0, 1, 2, 5, 9, 17})
    if (x > mask.minX && x < mask.maxX)
      values.push_back(x);
  return values;
}

std::vector<NamedMask> masks(unsigned firstSeed, unsigned numRandom) {
  std::vector<NamedMask> all = commonMasks();
  for (unsigned seed = firstSeed; seed < firstSeed + numRandom; ++seed)
    all.push_back(randomMask(seed, 1 + seed % 2));
  return all;
}

void checkRows(const NamedMask &named, bool selfAttention) {
  mlir::MLIRContext context;
  RowCoverage rows =
      computeRowCoverage(toMask(context, named), selfAttention, 300'000);
  INFO(named.name << ": " << print(rows));
  if (rows.verdict == Verdict::Unknown)
    return;
  CHECK((rows.verdict == Verdict::Holds) == rows.empty.empty());
  for (int64_t x : samplesOfX(named))
    for (int64_t length : {1, 2, 5, 7, 30, 65}) {
      int64_t symbols[] = {length, x};
      for (int64_t q = 0; q < (selfAttention ? length : 90); ++q) {
        bool sees = false;
        for (int64_t kv = 0; kv < length && !sees; ++kv)
          sees = named.allows(q, kv, x);
        int said = 0;
        for (const KeyRange &range : rows.empty)
          said += range.contains(q, symbols);
        if (said != !sees) {
          CAPTURE(q, length, x, sees, said);
          FAIL_CHECK("wrong rows");
          return;
        }
      }
    }
}

void checkCausality(const NamedMask &named) {
  mlir::MLIRContext context;
  Causality causality = computeCausality(toMask(context, named), 300'000);
  INFO(named.name << ": " << print(causality));
  if (causality.verdict == Verdict::Unknown)
    return;
  // All pairs of a short sequence, by q, then kv, then X.
  std::optional<std::array<int64_t, 3>> first;
  constexpr int64_t end = 60;
  for (int64_t q = 0; q < end && !first; ++q)
    for (int64_t kv = q + 1; kv < end && !first; ++kv)
      for (int64_t x = named.minX; x <= named.maxX && !first; ++x)
        if (named.allows(q, kv, x))
          first = {q, kv, x};
  REQUIRE((causality.verdict == Verdict::Fails) == first.has_value());
  if (first) {
    CHECK(causality.counterexample->q == (*first)[0]);
    CHECK(causality.counterexample->kv == (*first)[1]);
    CHECK(causality.counterexample->symbols[0] == (*first)[2]);
  }
  for (int64_t x : samplesOfX(named)) {
    int64_t chunk = 1;
    for (int64_t q = 0; q < end; ++q)
      for (int64_t kv = q + 1; kv < end; ++kv)
        if (named.allows(q, kv, x))
          chunk = std::max(chunk, kv + 1);
    if (std::optional<int64_t> least = causality.leastFirstChunk(x)) {
      // A filter makes the bound larger than need be.
      bool tight = llvm::none_of(*causality.firstChunk, [](const KeyRange &r) {
        return r.filter.has_value();
      });
      CHECK((tight ? std::min(*least, end) == chunk : *least >= chunk));
    }
  }
}

void checkCache(const NamedMask &named) {
  mlir::MLIRContext context;
  CacheCapacity cache = computeCacheCapacity(toMask(context, named), 300'000);
  INFO(named.name << ": " << print(cache));
  if (!cache.bounded)
    return;
  for (int64_t x : samplesOfX(named)) {
    int64_t ring = cache.ringSize(x), pinned = cache.pinnedSize(x), needed = 0,
            first = 0;
    for (int64_t t = 0; t < 140; ++t)
      for (int64_t kv = 0; kv < t; ++kv) {
        bool live = false;
        for (int64_t q = t; q < t + 140 && !live; ++q)
          live = named.allows(q, kv, x);
        if (!live)
          continue;
        if (kv >= pinned)
          needed = std::max(needed, t - kv);
        if (t - kv > ring)
          first = std::max(first, kv + 1);
      }
    CAPTURE(x, ring, pinned, needed, first);
    CHECK(needed <= ring);
    CHECK(first <= pinned);
    auto exactEnd = [](const KeyRange &r) { return !r.filter && !r.guard; };
    if (pinned == 0 && ring < 130 && llvm::all_of(cache.ring, exactEnd))
      CHECK(needed == ring);
  }
}
} // namespace

TEST_CASE("rows without a key") {
  for (const NamedMask &mask : masks(500, 60)) {
    checkRows(mask, true);
    checkRows(mask, false);
  }
}

TEST_CASE("causality and its least counterexample") {
  for (const NamedMask &mask : masks(600, 100))
    checkCausality(mask);
}

TEST_CASE("what a cache must keep") {
  for (const NamedMask &mask : masks(700, 60))
    checkCache(mask);
}

TEST_CASE("proofs in words") {
  mlir::MLIRContext context;
  std::string error;
  auto mask = [&](const std::vector<std::string> &disjuncts,
                  MaskSymbol symbol = {"W", MaskSymbol::Parameter, 1}) {
    return *MaskSet::get(&context, parse(context, disjuncts, symbol.name),
                         symbol, error);
  };
  MaskSet causal = mask({"q - kv >= 0"}), strict = mask({"q - kv - 1 >= 0"});
  MaskSet sinks =
      mask({"q - kv >= 0, kv - q + W - 1 >= 0", "q - kv >= 0, 3 - kv >= 0"});
  MaskSet prefix = mask({"q - kv >= 0", "W - 1 - kv >= 0"});
  MaskSet bottomRight =
      mask({"q + W - kv >= 0"}, {"W", MaskSymbol::Parameter, 0});

  CHECK(print(computeRowCoverage(causal, true)) == "every row sees a key");
  CHECK(print(computeRowCoverage(strict, true)) == "rows [0, 1) see no key");
  CHECK(print(computeRowCoverage(mask({"q - kv >= 0, kv - q + W - 1 >= 0"}),
                                 false)) ==
        "rows [L + W - 1, unbounded) see no key");

  CHECK(print(computeCausality(causal)) == "causal");
  CHECK(print(computeCausality(prefix)) ==
        "not causal: q = 0 sees kv = 1, W = 2; cacheable when the first chunk "
        "reaches W");
  CHECK(print(computeCausality(bottomRight)) ==
        "not causal: q = 0 sees kv = 1, W = 1");

  CHECK(print(computeCacheCapacity(causal)) == "all past keys");
  CHECK(print(computeCacheCapacity(sinks)) == "the last W - 1 and the first 4");
  CHECK(print(computeCacheCapacity(mask({"q - kv == 0"}))) == "no past keys");
  CHECK(print(computeCacheCapacity(
            mask({"q - kv >= 0, q floordiv 64 - kv floordiv 64 == 0"}))) ==
        "the last 63");
}

TEST_CASE("per-token look-ups leave proofs sound") {
  mlir::MLIRContext context;
  std::string error;
  auto mask = [&](const std::vector<std::string> &disjuncts) {
    return *MaskSet::get(&context, parse(context, disjuncts, "d"),
                         MaskSymbol{"doc", MaskSymbol::Opaque}, error);
  };
  // Causal whatever doc is; rows may be empty; the window bounds the cache.
  MaskSet packed = mask({"q - kv >= 0, kv - q + 7 >= 0, d == 0"});
  CHECK(print(computeCausality(packed)) == "causal");
  CHECK(print(computeRowCoverage(packed, true)) ==
        "not proved, doc is looked up per token: rows [0, L) may see no key");
  CHECK(print(computeCacheCapacity(packed)) == "the last 7");
  // Ahead only where doc allows it.
  CHECK(print(computeCausality(mask({"q - kv >= 0", "d == 0"}))) ==
        "not proved causal, doc is looked up per token");
  // Each row sees itself in any case.
  CHECK(print(computeRowCoverage(mask({"q - kv == 0", "d == 0"}), true)) ==
        "every row sees a key");
}

TEST_CASE("proofs that cost too much are not claimed") {
  mlir::MLIRContext context;
  MaskSet mask = toMask(context, commonMasks()[4]);
  CHECK(print(computeRowCoverage(mask, true, 100)) ==
        "not proved, the mask is too complex");
  CHECK(print(computeCausality(toMask(context, commonMasks()[6]), 10)) ==
        "not proved causal, the mask is too complex");
  CHECK(print(computeCacheCapacity(mask, 100)) ==
        "all past keys (the mask is too complex)");
}
