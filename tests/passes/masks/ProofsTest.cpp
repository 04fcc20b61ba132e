// Row coverage, causality and cache capacity against brute force.
#include "passes/masks/CacheCapacity.h"
#include "passes/masks/Causality.h"
#include "passes/masks/RowCoverage.h"
#include "tests/passes/masks/TestMasks.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <catch2/catch.hpp>

#include <random>

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
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  RowCoverage rows = computeRowCoverage(toMask(context, named),
                                        {.amongKeys = selfAttention}, 300'000);
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
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Causality causality = computeCausality(toMask(context, named), 60'000);
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
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  CacheCapacity cache = computeCacheCapacity(toMask(context, named), 60'000);
  INFO(named.name << ": " << print(cache));
  if (!cache.bounded)
    return;
  // Random masks have small numbers.
  const bool isRandom = named.name.starts_with("random");
  const int64_t end = isRandom ? 36 : 140;
  for (int64_t x :
       isRandom ? std::vector<int64_t>{0, 5, 12} : samplesOfX(named)) {
    int64_t ring = cache.ringSize(x), pinned = cache.pinnedSize(x), needed = 0,
            first = 0;
    for (int64_t t = 0; t < end; ++t)
      for (int64_t kv = 0; kv < t; ++kv) {
        bool live = false;
        for (int64_t q = t; q < t + end && !live; ++q)
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
    if (pinned == 0 && ring < end - 10 && llvm::all_of(cache.ring, exactEnd))
      CHECK(needed == ring);
  }
}
} // namespace

TEST_CASE("rows without a key") {
  for (const NamedMask &mask : masks(500, randomCases(2000))) {
    checkRows(mask, true);
    checkRows(mask, false);
  }
}

TEST_CASE("rows without a key where the mask reads lengths") {
  // Atoms over q, kv, q_len = Q and kv_len = K, as text and as a function.
  struct Atom {
    std::string text;
    std::function<bool(int64_t q, int64_t kv, int64_t Q, int64_t K)> allows;
  };
  std::mt19937 random(5);
  auto makeAtom = [&]() -> Atom {
    int64_t n = int64_t(random() % 7) - 3, m = 2 + random() % 4;
    std::string plus = " + " + std::to_string(n), mod = std::to_string(m);
    switch (random() % 7) {
    case 0: // the end of the keys
      return {"q + K - Q - kv" + plus + " >= 0",
              [=](int64_t q, int64_t kv, int64_t Q, int64_t K) {
                return kv <= q + K - Q + n;
              }};
    case 1: // and a window there
      return {"kv - q - K + Q + " + mod + plus + " >= 0",
              [=](int64_t q, int64_t kv, int64_t Q, int64_t K) {
                return q + K - Q - kv <= m + n;
              }};
    case 2:
      return {"q - kv" + plus + " >= 0", [=](int64_t q, int64_t kv, int64_t,
                                             int64_t) { return kv <= q + n; }};
    case 3:
      return {
          "kv - K + " + mod + " >= 0",
          [=](int64_t, int64_t kv, int64_t, int64_t K) { return kv >= K - m; }};
    case 4:
      return {"Q - " + mod + " - q" + plus + " >= 0",
              [=](int64_t q, int64_t, int64_t Q, int64_t) {
                return q <= Q - m + n;
              }};
    case 5:
      return {"(q + K - Q - kv) mod " + mod + " == 0",
              [=](int64_t q, int64_t kv, int64_t Q, int64_t K) {
                return (q + K - Q - kv) % m == 0;
              }};
    default:
      return {"kv - q" + plus + " >= 0", [=](int64_t q, int64_t kv, int64_t,
                                             int64_t) { return kv >= q - n; }};
    }
  };
  unsigned holds = 0, fails = 0, unknown = 0;
  const unsigned cases = randomCases(700); // each in three ways
  for (unsigned turn = 0; turn < cases; ++turn) {
    std::vector<std::vector<Atom>> mask(1 + random() % 2);
    std::vector<std::string> disjuncts;
    for (std::vector<Atom> &atoms : mask) {
      std::string text;
      for (unsigned n = 1 + random() % 2; n > 0; --n) {
        atoms.push_back(makeAtom());
        text += (text.empty() ? "" : ", ") + atoms.back().text;
      }
      disjuncts.push_back(text);
    }
    auto allows = [&](int64_t q, int64_t kv, int64_t Q, int64_t K) {
      return llvm::any_of(mask, [&](const std::vector<Atom> &atoms) {
        return llvm::all_of(
            atoms, [&](const Atom &atom) { return atom.allows(q, kv, Q, K); });
      });
    };
    mlir::MLIRContext context;
    std::string error;
    MaskSet set = *MaskSet::get(
        &context, parse(context, disjuncts, "Q, K"),
        {{"Q", MaskSymbol::QueryLength, 1}, {"K", MaskSymbol::KeyLength}},
        error);
    for (RowFacts facts : {RowFacts{}, RowFacts{.aligned = true},
                           RowFacts{.amongKeys = true, .sameRows = true}}) {
      RowCoverage rows = computeRowCoverage(set, facts, 300'000);
      INFO(llvm::join(disjuncts, " or ") << ": " << print(rows));
      (rows.verdict == Verdict::Holds   ? holds
       : rows.verdict == Verdict::Fails ? fails
                                        : unknown)++;
      if (rows.verdict == Verdict::Unknown)
        continue;
      bool good = true, anyEmpty = false;
      for (int64_t Q = 1; Q <= 12 && good; ++Q)
        for (int64_t K = 1; K <= 12 && good; ++K) {
          if ((facts.aligned && Q > K) || (facts.sameRows && Q != K))
            continue;
          int64_t symbols[] = {K, Q, K};
          for (int64_t q = 0; q < Q && good; ++q) {
            bool sees = false;
            for (int64_t kv = 0; kv < K && !sees; ++kv)
              sees = allows(q, kv, Q, K);
            int said = 0;
            for (const KeyRange &range : rows.empty)
              said += range.contains(q, symbols);
            good = said == !sees;
            anyEmpty |= !sees;
          }
        }
      CHECK(good);
      CHECK((rows.verdict == Verdict::Fails || !anyEmpty));
    }
  }
  CAPTURE(holds, fails, unknown);
  CHECK(holds > cases / 4);
  CHECK(fails > cases / 2);
  CHECK(unknown < cases / 10);
}

TEST_CASE("rows that lengths leave, in words") {
  mlir::MLIRContext context;
  std::string error;
  auto rows = [&](const std::string &mask, RowFacts facts) {
    return print(computeRowCoverage(
        *MaskSet::get(
            &context, parse(context, {mask}, "Q, K"),
            {{"Q", MaskSymbol::QueryLength, 1}, {"K", MaskSymbol::KeyLength}},
            error),
        facts));
  };
  const std::string end = "q + K - Q - kv >= 0",
                    window = "q - kv >= 0, kv - q + 3 >= 0";
  CHECK(rows(end, {}) == "rows [0, -L + Q) see no key");
  CHECK(rows(end, {.aligned = true}) ==
        "every row sees a key, where q_len <= L");
  CHECK(rows(end, {.amongKeys = true, .sameRows = true}) ==
        "every row sees a key");
  CHECK(rows(window, {}) == "rows [L + 3, Q) see no key");
  CHECK(rows(window, {.aligned = true}) ==
        "every row sees a key, where q_len <= L");
}

TEST_CASE("causality and its least counterexample") {
  for (const NamedMask &mask : masks(600, randomCases(2000)))
    checkCausality(mask);
}

TEST_CASE("what a cache must keep") {
  for (const NamedMask &mask : masks(700, randomCases(2000)))
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

  CHECK(print(computeRowCoverage(causal, {.amongKeys = true})) ==
        "every row sees a key");
  CHECK(print(computeRowCoverage(strict, {.amongKeys = true})) ==
        "rows [0, 1) see no key");
  CHECK(print(computeRowCoverage(mask({"q - kv >= 0, kv - q + W - 1 >= 0"}),
                                 {})) == "rows [L + W - 1, ∞) see no key");

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
  CHECK(print(computeRowCoverage(packed, {.amongKeys = true})) ==
        "not proved, doc is looked up per token: rows [0, L) may see no key");
  CHECK(print(computeCacheCapacity(packed)) == "the last 7");
  // Ahead only where doc allows it.
  CHECK(print(computeCausality(mask({"q - kv >= 0", "d == 0"}))) ==
        "not proved causal, doc is looked up per token");
  // Each row sees itself in any case.
  CHECK(print(computeRowCoverage(mask({"q - kv == 0", "d == 0"}),
                                 {.amongKeys = true})) ==
        "every row sees a key");
}

TEST_CASE("proofs that cost too much are not claimed") {
  mlir::MLIRContext context;
  MaskSet mask = toMask(context, commonMasks()[4]);
  CHECK(print(computeRowCoverage(mask, {.amongKeys = true}, 100)) ==
        "not proved, the mask is too complex");
  CHECK(print(computeCausality(toMask(context, commonMasks()[6]), 10)) ==
        "not proved causal, the mask is too complex");
  CHECK(print(computeCacheCapacity(mask, 100)) ==
        "all past keys (the mask is too complex)");
}
