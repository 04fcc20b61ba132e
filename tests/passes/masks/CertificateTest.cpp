// Certificates: true claims are proved and checked, false ones refuted by
// integers, and damaged proofs are refused.
#include "passes/masks/Claims.h"
#include "passes/masks/certificate/Prover.h"
#include "passes/masks/certificate/Tester.h"
#include "tests/passes/masks/TestMasks.h"

#include <catch2/catch.hpp>

#include <random>

using namespace heed::certificate;

namespace {
/// "proved", or why not; what is proved also passes the checker.
std::string outcome(const Claim &claim) {
  std::string error;
  std::optional<std::string> certificate = certify(claim, error);
  if (!certificate)
    return error;
  CheckResult result = check(*certificate);
  INFO(*certificate);
  CHECK(result.error == "");
  CHECK(result.claims == 1);
  return "proved";
}
/// The mask in the words of a model file, with `also` in each disjunct.
std::string inWords(const heed::masks::test::NamedMask &named,
                    const std::string &also = "") {
  std::string mask = "q < 0";
  for (std::string disjunct : named.disjuncts) {
    for (size_t comma; (comma = disjunct.find(',')) != std::string::npos;)
      disjunct.replace(comma, 1, " and");
    for (size_t sign; (sign = disjunct.find("+ -")) != std::string::npos;)
      disjunct.replace(sign, 3, "- ");
    mask += " or " + disjunct + also;
  }
  return mask;
}

struct Tally {
  unsigned proved = 0, notProved = 0;

  /// What the analyses claim is never false.
  void count(const heed::masks::Claims &claims) {
    for (const Claim &claim : claims) {
      CAPTURE(claim.kind, claim.mask, claim.ranges, claim.rings, claim.pinned);
      std::string said = outcome(claim);
      CHECK(said.substr(0, 5) != "false");
      (said == "proved" ? proved : notProved)++;
    }
  }
};
} // namespace

TEST_CASE("causality certificates") {
  auto causal = [](const std::string &mask,
                   std::vector<std::string> given = {}) {
    return outcome({.kind = "causal", .mask = mask, .given = given});
  };
  CHECK(causal("kv <= q") == "proved");
  CHECK(causal("kv <= q and q - kv < W or kv < 4 and kv <= q") == "proved");
  CHECK(causal("kv <= q and same(doc)") == "proved");
  CHECK(causal("kv <= q and (q - kv) mod 4 == 0") == "proved");
  CHECK(causal("q floordiv 64 > kv floordiv 64 or q == kv") == "proved");
  CHECK(causal("not (kv > q or q - kv >= 4096)") == "proved");
  CHECK(causal("0 <= q - kv < W") == "proved");
  CHECK(causal("2 * kv <= q + kv and 3 * kv < 3 * q + 2") == "proved");
  // Only the integers say so: no row of reals does.
  CHECK(causal("2 * kv <= 2 * q + 1") == "proved");
  CHECK(causal("3 * kv == 3 * q + 5 or 2 * q == 2 * kv + 1") == "proved");
  CHECK(causal("kv <= q + P", {"P <= 0"}) == "proved");

  CHECK(causal("all").substr(0, 11) == "false where");
  CHECK(causal("kv <= q + P").substr(0, 11) == "false where");
  CHECK(causal("q floordiv 64 == kv floordiv 64").substr(0, 11) ==
        "false where");
  CHECK(causal("kv <= q or kv < P").substr(0, 11) == "false where");
}

TEST_CASE("cache, row and tile certificates") {
  CHECK(outcome({.kind = "cache",
                 .mask = "kv <= q and q - kv < W",
                 .given = {"W >= 1"},
                 .rings = {"W - 1"}}) == "proved");
  CHECK(outcome({.kind = "cache",
                 .mask = "kv <= q and q - kv < W",
                 .given = {"W >= 1"},
                 .rings = {"W - 2"}})
            .substr(0, 5) == "false");
  CHECK(outcome({.kind = "cache",
                 .mask = "kv <= q and (q - kv < W or kv < 4)",
                 .rings = {"W - 1"},
                 .pinned = {"4"}}) == "proved");
  CHECK(outcome({.kind = "cache",
                 .mask = "kv <= q and q floordiv 64 == kv floordiv 64",
                 .rings = {"63"}}) == "proved");
  CHECK(outcome({.kind = "cache",
                 .mask = "kv <= q and q floordiv 64 == kv floordiv 64",
                 .rings = {"62"}})
            .substr(0, 5) == "false");

  CHECK(outcome({.kind = "rows",
                 .mask = "kv <= q and q - kv < W",
                 .given = {"W >= 1"},
                 .keys = {"q"}}) == "proved");
  CHECK(outcome({.kind = "rows",
                 .mask = "kv <= q or kv >= q + 3",
                 .keys = {"0"}}) == "proved");
  CHECK(outcome({.kind = "rows",
                 .mask = "kv < q or kv == 0 and q < 4",
                 .keys = {"0"}}) == "proved");
  CHECK(outcome({.kind = "rows", .mask = "kv < q", .keys = {"0", "q"}})
            .substr(0, 5) == "false");

  Claim window{
      .kind = "needed", .mask = "kv <= q and q - kv < W", .given = {"W >= 1"}};
  window.ranges = {"0; q1 - W .. L; q0 + 1",
                   "0; q0 - W + 1 .. q1 - W; L; q0 + 1", "q0 + 1 .. q1; L"};
  CHECK(outcome(window) == "proved");
  window.ranges.pop_back();
  CHECK(outcome(window).substr(0, 5) == "false");
  window.kind = "full";
  window.ranges = {"0; q1 - W .. L; q0 + 1"};
  CHECK(outcome(window) == "proved");
  window.ranges = {"0; q1 - W - 1 .. L; q0 + 1"};
  CHECK(outcome(window).substr(0, 5) == "false");
  Claim blocks{.kind = "full",
               .mask = "kv <= q and q floordiv 64 == kv floordiv 64"};
  blocks.ranges = {"(q1 + 63) floordiv 64 * 64 - 64 .. q0 + 1"};
  CHECK(outcome(blocks) == "proved");
  Claim global{.kind = "full",
               .mask = "kv < G or q < G",
               .ranges = {"0 .. L if q1 <= G"}};
  CHECK(outcome(global) == "proved");
}

TEST_CASE("claims without meaning") {
  std::string error;
  auto why = [&](const Claim &claim) {
    error.clear();
    CHECK_FALSE(certify(claim, error));
    return error;
  };
  CHECK(why({.kind = "magic", .mask = "all"}) == "no such claim: magic");
  CHECK(why({.kind = "causal", .mask = "kv <= q * q"}) == "`*` by a variable");
  CHECK(why({.kind = "causal", .mask = "kv <="}) == "the text ends too early");
  CHECK(why({.kind = "causal", .mask = "kv mod 0 == 1"}) ==
        "`mod` by a number that is not positive");
  CHECK(why({.kind = "causal", .mask = "kv + 1"}) ==
        "`kv + 1` is a number, not a condition");
  CHECK(why({.kind = "causal", .mask = "kv <= 99999999999999999999"}) ==
        "`99999999999999999999` is no number");
  CHECK(why({.kind = "causal", .mask = "kv <= 9223372036854775807 * 4 + q"}) ==
        "a number is too large");
  CHECK(why({.kind = "causal", .mask = std::string(200, '(') + "all"}) ==
        "too deep");
}

TEST_CASE("the checker refuses what does not follow") {
  std::string claim = "claim causal\nmask kv <= q\nproof\n";
  auto why = [&](const std::string &steps) {
    return check(claim + steps).error;
  };
  // Rows: 0: q >= 0, 1: kv - q - 1 >= 0, 2: q - kv >= 0.
  CHECK(why("cut 1 1*1 2*1\nclose\n") == "");
  CHECK(why("cut 1 1*1 2*2\nclose\n") ==
        "line 5: the last row is no contradiction");
  CHECK(why("cut 1 1*-1 2*-1\nclose\n") ==
        "line 4: an inequality times a negative number");
  CHECK(why("cut 1 1*1 3*1\nclose\n") == "line 4: no such row");
  CHECK(why("cut 2 1*1\nclose\n") ==
        "line 4: the divisor does not divide the coefficients");
  CHECK(why("cut 0 1*1\n") == "line 4: a cut needs a divisor of at least 1");
  CHECK(why("cut 1 1*9223372036854775807 1*9223372036854775807\n") ==
        "line 4: a number is too large");
  CHECK(why("close\n") == "line 4: the last row is no contradiction");
  CHECK(why("split 0\n") == "line 4: no such alternative");
  CHECK(why("branch 7 0\n") == "line 4: no such variable or bound");
  CHECK(why("branch 0 5\ncut 1 1*1 2*1\nclose\n") ==
        "line 6: the proof ends too early");
  CHECK(why("believe me\n") == "line 4: no such step: `believe`");
  CHECK(check("claim causal\nmask kv <= q\n").error ==
        "line 2: the last claim has no proof");
  CHECK(check("nonsense\n").error == "line 1: unexpected `nonsense`");
  CHECK(check("claim rows\nmask kv <= q\nkey q\nproof\nsplit 0\n").error ==
        "line 5: the proof ends too early");
  CHECK(check("").claims == 0);
}

TEST_CASE("random masks: proofs agree with brute force") {
  unsigned proved = 0, refuted = 0, givenUp = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    heed::masks::test::NamedMask named = heed::masks::test::randomMask(seed, 2);
    std::string mask = inWords(named, seed % 2 ? " and q - kv >= 0" : "");
    Claim claim{.kind = "causal", .mask = mask, .given = {"0 <= X <= 12"}};
    bool ahead = false;
    for (int64_t q = 0; q < 40 && !ahead && seed % 2 == 0; ++q)
      for (int64_t kv = q + 1; kv < 60 && !ahead; ++kv)
        for (int64_t x = 0; x <= 12 && !ahead; ++x)
          ahead = named.allows(q, kv, x);
    CAPTURE(mask);
    std::string error, said = outcome(claim);
    proved += said == "proved";
    refuted += said.substr(0, 5) == "false";
    givenUp += said == "not proved";
    if (said == "proved")
      CHECK_FALSE(ahead);
    else if (said != "not proved")
      CHECK(ahead);
  }
  CHECK(proved > 90);
  CHECK(refuted > 50);
  CHECK(givenUp < 20);
}

TEST_CASE("what the analyses find of common masks is certified") {
  using namespace heed::masks;
  Tally tally;
  for (const test::NamedMask &named : test::commonMasks()) {
    mlir::MLIRContext context;
    MaskSet mask = test::toMask(context, named);
    Claim base{.mask = inWords(named)};
    base.given = {std::to_string(named.minX) +
                  " <= X <= " + std::to_string(named.maxX)};
    if (named.minX < 0)
      base.given = {"X >= 0 - " + std::to_string(-named.minX) +
                    " and X <= " + std::to_string(named.maxX)};
    tally.count(claimsOf(base, computeCausality(mask)));
    tally.count(claimsOf(base, computeCacheCapacity(mask)));
    tally.count(claimsOf(base, computeRowCoverage(mask, true)));
    for (bool filters : {false, true}) {
      TileOptions options{.maxQueries = 48, .filters = filters};
      tally.count(claimsOf(base, computeTileBounds(mask, options), options));
    }
  }
  CHECK(tally.proved > 80);
  CHECK(tally.notProved == 0);
}

TEST_CASE("what the analyses find of random masks is not refuted") {
  using namespace heed::masks;
  Tally tally;
  for (unsigned seed = 900; seed < 940; ++seed) {
    mlir::MLIRContext context;
    test::NamedMask named = test::randomMask(seed, 2);
    MaskSet mask = test::toMask(context, named);
    Claim base{.mask = inWords(named), .given = {"0 <= X <= 12"}};
    tally.count(claimsOf(base, computeCausality(mask)));
    tally.count(claimsOf(base, computeCacheCapacity(mask)));
    TileOptions options{.maxQueries = 8, .filters = seed % 2 == 0};
    tally.count(claimsOf(base, computeTileBounds(mask, options), options));
  }
  CAPTURE(tally.notProved);
  CHECK(tally.proved > 70);
}

TEST_CASE("what a certificate says of a whole model") {
  std::string causal = "claim causal\nat 9:13\nmask kv <= q\nproof\n"
                       "cut 1 1*1 2*1\nclose\n";
  auto model = [&](const std::string &ops, const std::string &before) {
    return check(before + "claim model\nmask logits\n" + ops + "proof\n");
  };
  std::string embed = "op 4:5 attn.embed same\n",
              attention = "op 9:13 attn.combine mask 1\n";
  CHECK(model(embed + attention, causal).error == "");
  CHECK(model(embed + attention, causal).claims == 2);
  CHECK(model(embed + "op 5:5 attn.concat shift -2\n", "").error == "");
  // The mask is proved nowhere, or elsewhere, or another layer's is not.
  std::string unproved = "is not shown to look at no later row";
  CHECK(model(attention, "").error ==
        "line 4: `9:13 attn.combine mask 1` " + unproved);
  CHECK(model("op 9:14 attn.combine mask 1\n", causal).error ==
        "line 10: `9:14 attn.combine mask 1` " + unproved);
  CHECK(model("op 9:13 attn.combine mask 2\n", causal).error ==
        "line 10: `9:13 attn.combine mask 2` " + unproved);
  CHECK(model("op 9:13 attn.combine mask 0\n", causal).error != "");
  CHECK(model("op 5:5 attn.slice shift 1\n", "").error ==
        "line 4: `5:5 attn.slice shift 1` " + unproved);
  CHECK(model("op 5:5 attn.slice shift\n", "").error != "");
  CHECK(model("op 6:5 attn.pool attn.pool\n", "").error != "");
  CHECK(model("op\n", "").error != "");
  CHECK(model("", "").error == "line 3: a model without ops");
  // Tested is not proved.
  CheckResult tested = check("claim causal\nat 9:13\nmask kv <= q\ntested 9\n"
                             "claim model\nmask y\n" +
                             attention + "proof\n");
  CHECK(tested.error != "");
  tested = check("claim causal\nmask kv <= q\ntested 9\n");
  CHECK(tested.error == "");
  CHECK(tested.claims == 0);
  CHECK(tested.tested == 1);
}

TEST_CASE("damage to a certificate is found") {
  // Every change of one character that leaves the claims as they are must be
  // refused, or be a proof as well; no change may crash or hang.
  std::string error;
  Claim claim{.kind = "needed",
              .mask = "kv <= q and (q - kv < W or kv < 4)",
              .at = "9:13",
              .given = {"W >= 1"}};
  claim.ranges = {"0; q0 - W + 1 .. q1; L", "0 .. 4; L; q1"};
  std::string good = *certify(claim, error);
  CHECK(check(good).error == "");
  size_t proof = good.find("proof\n") + 6;
  std::mt19937 random(7);
  unsigned refused = 0, tried = 0;
  for (; tried < 3000; ++tried) {
    std::string bad = good;
    size_t at = proof + random() % (bad.size() - proof);
    switch (random() % 4) {
    case 0:
      bad[at] = "0123456789*- \ncsbx"[random() % 18];
      break;
    case 1:
      bad.erase(at, 1 + random() % 8);
      break;
    case 2:
      bad.resize(at);
      break;
    default:
      bad.insert(at, std::string(1, "0123456789- \n"[random() % 13]));
    }
    refused += !check(bad).error.empty();
  }
  CHECK(refused > tried * 3 / 4);

  // A multiplier, a branch, a claim.
  std::string multiplier = good;
  size_t star = multiplier.find('*', proof);
  REQUIRE(star != std::string::npos);
  multiplier.insert(star + 1, "7");
  CHECK(check(multiplier).error != "");
  std::string dropped = good.substr(0, good.rfind("cut"));
  CHECK(check(dropped).error != "");
  for (auto [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"q0 - W + 1", "q0 - W + 2"},
           {"kv < 4", "kv < 5"},
           {"q1; L", "q0; L"},
           {"W >= 1", "W >= 2 - 1"}}) {
    std::string other = good;
    other.replace(other.find(from), from.size(), to);
    INFO(to);
    CHECK((check(other).error == "") == (to == "W >= 2 - 1"));
  }
  // What was never a certificate.
  for (unsigned i = 0; i < 300; ++i) {
    std::string noise;
    for (unsigned n = random() % 400; n > 0; --n)
      noise += char(random() % 256);
    CHECK(check("claim causal\nmask " + noise).error != "");
    CHECK(check("claim causal\nmask kv <= q\nproof\n" + noise).error != "");
  }
  std::string deep = "claim causal\nmask kv <= q\nproof\n";
  for (unsigned i = 0; i < 5000; ++i)
    deep += "branch 0 0\n";
  CHECK(check(deep).error == "line 204: too deep");
}

TEST_CASE("claims without a proof are tested") {
  CHECK(findCounterexample({.kind = "causal", .mask = "kv <= q"}, 500) == "");
  CHECK(
      findCounterexample({.kind = "causal", .mask = "kv <= q or kv == 3"}, 500)
          .substr(0, 11) == "false where");
  CHECK(
      findCounterexample({.kind = "causal",
                          .mask = "kv <= q or kv mod 5 == 2 and q mod 3 == 1"},
                         500)
          .substr(0, 11) == "false where");
  CHECK(
      findCounterexample({.kind = "rows", .mask = "kv < q", .keys = {"0"}}, 500)
          .substr(0, 11) == "false where");
  CHECK(findCounterexample({.kind = "rows", .mask = "kv <= q", .keys = {"0"}},
                           500) == "");
  CHECK(findCounterexample({.kind = "causal", .mask = "kv <="}, 5) ==
        "without meaning: the text ends too early");
}
