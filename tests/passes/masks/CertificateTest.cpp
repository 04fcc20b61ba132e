// Certificates: true claims are proved and checked, false ones refuted by
// integers, and damaged proofs are refused.
#include "passes/masks/Claims.h"
#include "passes/masks/certificate/Prover.h"
#include "passes/masks/certificate/Tester.h"
#include "tests/passes/masks/TestMasks.h"

#include "llvm/ADT/STLExtras.h"
#include <catch2/catch.hpp>

#include <random>

using namespace heed::certificate;

namespace {
/// A model of one mask and nothing else.
Outline outlineOf(const std::string &words, const std::string &given = "all") {
  Outline model;
  model.masks.push_back({"1:1 " + words, words, given});
  return model;
}
Claim claimOf(const std::string &kind, heed::masks::Parts parts) {
  return {kind, "", Outline::FirstMask, std::move(parts)};
}

/// A certificate in which all claims but one are left open.
std::string alone(const Outline &model, const Claim &claim,
                  const std::string &proved) {
  std::string text;
  for (const Claim &each : claimsOf(model))
    text += each.kind == claim.kind && each.number == claim.number
                ? proved
                : print(each) + "open\n\n";
  return text;
}

/// "proved", or why not; what is proved also passes the checker.
std::string outcome(const Outline &model, Claim claim,
                    unsigned maxSteps = 100000) {
  claim.title = claim.kind == "model" ? model.outputs[claim.number].first
                                      : model.masks[claim.number].title;
  std::string error;
  std::optional<std::string> proved = certify(model, claim, error, maxSteps);
  if (!proved)
    return error;
  CheckResult result = check(model, alone(model, claim, *proved));
  INFO(*proved);
  CHECK(result.error == "");
  CHECK(result.claims["proof"].size() == 1);
  return "proved";
}
std::string outcome(const std::string &kind, const std::string &words,
                    const std::string &given, heed::masks::Parts parts) {
  return outcome(outlineOf(words, given), claimOf(kind, std::move(parts)));
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
  unsigned maxSteps = 100000;
  unsigned proved = 0, notProved = 0, exact = 0, notExact = 0;

  /// Of what is exact one of the lists is enough.
  void countExact(const Outline &model, const std::string &kind,
                  const heed::masks::Parts &base,
                  const std::vector<heed::masks::Parts> &lists) {
    std::string error;
    bool isProved = llvm::any_of(lists, [&](const heed::masks::Parts &parts) {
      Claim claim = claimOf(kind, parts);
      claim.base = base;
      return certify(model, claim, error).has_value();
    });
    (isProved ? exact : notExact)++;
  }

  /// What the analyses claim is never false.
  void count(const Outline &model, const std::string &kind,
             const std::optional<heed::masks::Parts> &parts) {
    if (!parts)
      return;
    CAPTURE(kind, model.masks.back().words, *parts);
    std::string said = outcome(model, claimOf(kind, *parts), maxSteps);
    if (kind == "rows" && said.substr(0, 5) == "false")
      return; // the keys that are named are not those that a row sees
    CHECK(said.substr(0, 5) != "false");
    (said == "proved" ? proved : notProved)++;
  }
};
} // namespace

TEST_CASE("causality certificates") {
  auto causal = [](const std::string &mask, const std::string &given = "all",
                   const std::string &most = "0") {
    return outcome("ahead", mask, given, {{"most", most}});
  };
  CHECK(causal("kv <= q") == "proved");
  CHECK(causal("kv <= q and q - kv < W or kv < 4 and kv <= q") == "proved");
  CHECK(causal("kv <= q and doc[q] == doc[kv]") == "proved");
  CHECK(causal("kv <= q and (q - kv) mod 4 == 0") == "proved");
  CHECK(causal("q floordiv 64 > kv floordiv 64 or q == kv") == "proved");
  CHECK(causal("not (kv > q or q - kv >= 4096)") == "proved");
  CHECK(causal("0 <= q - kv < W") == "proved");
  CHECK(causal("2 * kv <= q + kv and 3 * kv < 3 * q + 2") == "proved");
  // Only the integers say so: no row of reals does.
  CHECK(causal("2 * kv <= 2 * q + 1") == "proved");
  CHECK(causal("3 * kv == 3 * q + 5 or 2 * q == 2 * kv + 1") == "proved");
  CHECK(causal("kv <= q + P", "P <= 0") == "proved");
  // Further ahead, and less far.
  CHECK(causal("kv <= q + 3", "all", "3") == "proved");
  CHECK(causal("kv <= q + 3", "all", "2").substr(0, 11) == "false where");
  CHECK(causal("kv < q", "all", "-1") == "proved");
  CHECK(causal("kv < q", "all", "-2").substr(0, 11) == "false where");

  CHECK(causal("all").substr(0, 11) == "false where");
  CHECK(causal("kv <= q + P").substr(0, 11) == "false where");
  CHECK(causal("q floordiv 64 == kv floordiv 64").substr(0, 11) ==
        "false where");
  CHECK(causal("kv <= q or kv < P").substr(0, 11) == "false where");
}

TEST_CASE("certificates of caches, rows and tiles") {
  const std::string window = "kv <= q and q - kv < W",
                    blocks = "kv <= q and q floordiv 64 == kv floordiv 64";
  CHECK(outcome("cache", window, "W >= 1", {{"ring", "W - 1"}}) == "proved");
  CHECK(outcome("cache", window, "W >= 1", {{"ring", "W - 2"}}).substr(0, 5) ==
        "false");
  CHECK(outcome("cache", "kv <= q and (q - kv < W or kv < 4)", "all",
                {{"ring", "W - 1"}, {"pinned", "4"}}) == "proved");
  CHECK(outcome("cache", blocks, "all", {{"ring", "63"}}) == "proved");
  CHECK(outcome("cache", blocks, "all", {{"ring", "62"}}).substr(0, 5) ==
        "false");

  CHECK(outcome("rows", window, "W >= 1 and L >= q1", {{"key", "q"}}) ==
        "proved");
  CHECK(outcome("rows", "kv <= q or kv >= q + 3", "all", {{"key", "0"}}) ==
        "proved");
  CHECK(outcome("rows", "kv < q or kv == 0 and q < 4", "all", {{"key", "0"}}) ==
        "proved");
  CHECK(outcome("rows", "kv == q - q mod 3", "L >= q1",
                {{"key", "q - q mod 3"}}) == "proved");
  CHECK(outcome("rows", "kv < q", "all", {{"key", "0"}, {"key", "q"}})
            .substr(0, 5) == "false");
  // Of queries that are no keys there may be more than keys.
  CHECK(outcome("rows", "kv <= q", "all", {{"key", "q"}}).substr(0, 5) ==
        "false");
  CHECK(outcome("rows", "kv <= q", "all", {{"key", "0"}}) == "proved");

  heed::masks::Parts ranges = {
      {"range", "kv >= 0 and kv >= q1 - W and kv < L and kv < q0 + 1"},
      {"range",
       "0 <= kv < q1 - W and kv >= q0 - W + 1 and kv < L and kv < q0 + 1"},
      {"range", "q0 + 1 <= kv < q1 and kv < L"}};
  CHECK(outcome("needed", window, "W >= 1", ranges) == "proved");
  CHECK(outcome("full", window, "W >= 1", {ranges[0]}) == "proved");
  CHECK(outcome("full", window, "W >= 1", {}) == "proved");
  CHECK(
      outcome("full", window, "W >= 1", {ranges[0], ranges[2]}).substr(0, 5) ==
      "false");
  ranges.pop_back();
  CHECK(outcome("needed", window, "W >= 1", ranges).substr(0, 5) == "false");
  ranges = {{"range", "kv >= 0 and kv >= q1 - W - 1 and kv < q0 + 1"}};
  CHECK(outcome("full", window, "W >= 1", ranges).substr(0, 5) == "false");
  ranges = {{"range", "(q1 + 63) floordiv 64 * 64 - 64 <= kv < q0 + 1"}};
  CHECK(outcome("full", blocks, "all", ranges) == "proved");
  CHECK(outcome("full", "kv < G or q < G", "all",
                {{"range", "0 <= kv < L and q1 <= G"}}) == "proved");
}

TEST_CASE("claims without meaning") {
  auto why = [&](const std::string &mask,
                 heed::masks::Parts parts = {{"most", "0"}}) {
    return outcome("ahead", mask, "all", parts);
  };
  CHECK(why("kv <= q * q") == "`*` by a variable");
  CHECK(why("kv <=") == "unexpected `)`");
  CHECK(why("kv mod 0 == 1") == "`mod` by a number that is not positive");
  CHECK(why("kv + 1") == "a condition is expected");
  CHECK(why("kv <= (q < 1)") == "a number is expected");
  CHECK(why("kv <= 99999999999999999999") == "a number is too large");
  CHECK(why("kv <= 9223372036854775807 * 4 + q") == "a number is too large");
  CHECK(why(std::string(200, '(') + "all") == "too deep");
  CHECK(why("kv <= q", {{"most", "0 <= q"}}) == "a number is expected");
  CHECK(why("kv <= q", {{"most", "0) and (1 == 0"}}) ==
        "unexpected `)` in `0) and (1 == 0`");
  CHECK(why("kv <= q", {{"ring", "0"}}) == "unexpected ahead ring");
  CHECK(why("kv <= q", {{"range", "all"}}) == "unexpected ahead range");
}

TEST_CASE("the checker refuses what does not follow") {
  const Outline model = outlineOf("kv <= q");
  auto why = [&](const std::string &steps) {
    return check(model, "claim ahead 1:1 kv <= q\nmost 0\nproof\n" + steps)
        .error;
  };
  // Rows: 0: q >= 0, 1: q - kv >= 0, 2: kv - q - 1 >= 0. Good ones come to the
  // next claim, which is not there.
  const std::string good = ": the certificate ends too early";
  CHECK(why("cut 1 1*1 2*1\n\n") == "line 6" + good);
  CHECK(why("cut 1 1*1 2*2\n\n") == "line 5: no such step or alternative");
  CHECK(why("cut 1 1*-1 2*-1\n") ==
        "line 4: no such row, or a negative number of times");
  CHECK(why("cut 1 1*1 3*1\n") ==
        "line 4: no such row, or a negative number of times");
  CHECK(why("cut 2 1*1\n") == "line 4: the divisor does not divide");
  CHECK(why("cut 0 1*1\n") == "line 4: a cut needs a divisor from 1");
  CHECK(why("cut 1 1*9223372036854775807 1*9223372036854775807\n") ==
        "line 4: a number is too large");
  CHECK(why("close\n") == "line 4: no such step or alternative");
  CHECK(why("split 0\n") == "line 4: no such step or alternative");
  CHECK(why("branch 7 0\n") == "line 4: no such step or alternative");
  CHECK(why("branch 0 5\ncut 1 1*1 2*1\n") == "line 6" + good);
  CHECK(why("believe me\n") == "line 4: no such step or alternative");
  CHECK(why("cut 1 1*1 2*1\nclaim\n") == "line 5: expected an empty line");
  auto whole = [&](const std::string &text) {
    return check(model, text).error;
  };
  CHECK(whole("claim ahead 1:1 kv <= q\n") == "line 2" + good);
  CHECK(whole("claim ahead 1:1 kv <= q\nnonsense\n") ==
        "line 2: unexpected `nonsense`");
  CHECK(whole("nonsense\n") == "line 1: expected `claim ahead 1:1 kv <= q`");
  CHECK(whole("") == "line 1" + good);
}

TEST_CASE("a certificate says all that the model file asks for, and no more") {
  Outline model =
      outlineOf("kv <= q and q - kv < W", "2 <= W <= 6 and L >= q1");
  model.masks.back().order = "rule == 0 and mask == 1 and softmax == 2";
  model.outputs = {{"logits",
                    {{"tokens", {}},
                     {"embed", {{0, 0}}},
                     {"attention", {{1, 0}, {1, 2}}},
                     {"logits", {{2, 0}}}}}};
  std::map<std::string, heed::masks::Parts> parts = {
      {"ahead", {{"most", "0"}}},
      {"behind", {{"most", "5"}}},
      {"cache", {{"ring", "W - 1"}}},
      {"cache-exact", {{"kv", "0"}, {"t", "W - 1"}, {"q", "W - 1"}}},
      {"rows", {{"key", "q"}}},
      {"needed", {{"range", "q0 - W + 1 <= kv < q1"}}},
      {"needed-exact", {{"row", "q0"}, {"row", "kv"}}},
      {"full", {{"range", "q1 - W <= kv <= q0"}}},
      {"full-exact", {{"row", "q0"}, {"row", "q1 - 1"}}},
      {"aligned", {{"own", "q"}}},
      {"kept", {{"first", "1"}}},
      {"reads", {{"most", "5"}}}};
  std::vector<std::string> all;
  std::string good, error;
  Bases bases;
  for (Claim &claim : claimsOf(model)) {
    claim.base = bases.of(claim);
    claim.parts = parts[claim.kind];
    all.push_back(certify(model, claim, error).value_or(""));
    CAPTURE(claim.kind, error);
    REQUIRE(all.back() != "");
    good += all.back();
    bases.add(claim, true);
  }
  const size_t count = all.size();
  CHECK(count == 14);
  CHECK(check(model, good).error == "");
  CHECK(check(model, good).claims["proof"].size() == count);
  // Each claim is missed.
  for (size_t missing = 0; missing < all.size(); ++missing) {
    std::string text;
    for (size_t i = 0; i < all.size(); ++i)
      text += i == missing ? "" : all[i];
    CAPTURE(missing);
    CHECK(check(model, text).error != "");
  }
  CHECK(check(model, good + all[0]).error != "");
  CHECK(check(model, good + "\n").error != "");
  // Another mask, with its own good proofs; another place; another layer's.
  for (auto [words, given, title] :
       {std::tuple("kv <= q and q - kv < W", "2 <= W <= 6 and L >= q1",
                   "2:1 the same"),
        std::tuple("kv <= q", "all", "1:1 kv <= q")}) {
    Outline other = outlineOf(words, given);
    other.masks.back().title = title;
    other.outputs = model.outputs;
    CHECK(check(other, good).error.substr(0, 17) == "line 1: expected ");
  }
  // The title is right and the words are not: the proofs do not follow.
  Outline other = model;
  other.masks.back().words = "kv <= q + 1 and q - kv < W";
  CHECK(check(other, good).error != "");
  other = model;
  other.masks.back().given = "0 <= W <= 6 and L >= q1";
  CHECK(check(other, good).error != "");
  // What is left open is told, and what stands on it falls.
  auto with = [&](size_t number, const std::string &text) {
    std::string changed;
    for (size_t i = 0; i < count; ++i)
      changed += i == number ? text : all[i];
    return check(model, changed);
  };
  const std::string title = model.masks.back().title;
  CheckResult result = with(9, "claim aligned " + title + "\nopen\n\n");
  CHECK(result.error == "");
  CHECK(result.claims["proof"].size() == count - 1);
  CHECK(result.claims["open"].size() == 1);
  result = with(9, "claim aligned " + title + "\nfailed 1:1 why\n\n");
  CHECK(result.error == "");
  CHECK(result.claims["failed"].size() == 1);
  CHECK(with(0, "claim ahead " + title + "\nopen\n\n").error != "");
  CHECK(with(1, "claim behind " + title + "\nmost 5\ntested 9\n\n").error !=
        "");
  CHECK(with(2, "claim cache " + title + "\nring W\nopen\n\n").error != "");
  CHECK(with(2, "claim cache " + title + "\nring W - 1\nopen\n\n").error == "");
  CHECK(with(5, "claim needed " + title + "\nrange q0 - W <= kv < q1\nopen\n\n")
            .error != "");
}

TEST_CASE("what is least is shown by a place") {
  // The claim and what it stands on.
  auto shown = [](const std::string &kind, const std::string &mask, Parts base,
                  Parts parts, const std::string &given = "all") {
    Outline model = outlineOf(mask, given);
    Claim claim = claimOf(kind, std::move(parts));
    claim.base = std::move(base);
    std::string error;
    return certify(model, claim, error) ? "proved" : error.substr(0, 5);
  };
  const std::string window = "kv <= q and q - kv < W";
  auto at = [](const std::string &kv, const std::string &t,
               const std::string &q) {
    return Parts{{"kv", kv}, {"t", t}, {"q", q}};
  };
  CHECK(shown("cache-exact", window, {{"ring", "W - 1"}},
              at("0", "W - 1", "W - 1"), "W >= 2") == "proved");
  // One more is not needed; not there; the query is no longer alive; no time.
  CHECK(shown("cache-exact", window, {{"ring", "W"}}, at("0", "W", "W"),
              "W >= 2") == "false");
  CHECK(shown("cache-exact", window, {{"ring", "W - 1"}},
              at("0", "W - 2", "W - 1"), "W >= 2") == "false");
  CHECK(shown("cache-exact", window, {{"ring", "W - 1"}}, at("0", "W - 1", "W"),
              "W >= 2") == "false");
  CHECK(shown("cache-exact", window, {{"ring", "W - 1"}}, {}, "W >= 2") ==
        "false");
  // No place is put in twice, or for another name.
  CHECK(shown("cache-exact", window, {{"ring", "W"}}, {{"W", "0"}}) == "unexp");
  CHECK(shown("cache-exact", window, {{"ring", "W"}}, {{"q", "0 == 0"}}) ==
        "a num");
  CHECK(shown("cache-exact", "kv <= q and (q - kv < 8 or kv < 4)",
              {{"ring", "7"}, {"pinned", "4"}},
              at("4", "11", "11")) == "proved");
  CHECK(shown("cache-exact", "kv <= q and (q - kv < 8 or kv < 4)",
              {{"ring", "7"}, {"pinned", "4"}},
              at("3", "10", "10")) == "false");

  const Parts ranges = {{"range", "q0 - W + 1 <= kv < q1"}},
              rows = {{"row", "q0"}, {"row", "kv"}};
  CHECK(shown("needed-exact", window, ranges, rows, "W >= 1") == "proved");
  CHECK(shown("needed-exact", window, ranges, {{"row", "q0"}}, "W >= 1") ==
        "false");
  CHECK(shown("needed-exact", window, {{"range", "q0 - W <= kv < q1"}}, rows,
              "W >= 1") == "false");
  CHECK(shown("needed-exact", window, {{"range", "q0 - W + 1 <= kv <= q1"}},
              rows, "W >= 1") == "false");
  const Parts full = {{"range", "q1 - W <= kv <= q0"}},
              ends = {{"row", "q0"}, {"row", "q1 - 1"}};
  CHECK(shown("full-exact", window, full, ends, "W >= 1") == "proved");
  CHECK(shown("full-exact", window, {{"range", "q1 - W <= kv < q0"}}, ends,
              "W >= 1") == "false");
  CHECK(shown("full-exact", window, {}, ends, "W >= 1") == "false");

  // Least numbers are found.
  auto least = [](const std::string &kind, const std::string &mask,
                  const std::string &word, int64_t from) {
    auto found = certifyLeast(outlineOf(mask), claimOf(kind, {}), word, from);
    return found ? found->parts[0].second : "none";
  };
  CHECK(least("behind", "kv <= q and q - kv < 64", "most", 0) == "63");
  CHECK(least("behind", "kv <= q", "most", 0) == "none");
  CHECK(least("kept", "kv <= q or kv < 16", "first", 1) == "16");
  CHECK(least("kept", "kv <= q", "first", 1) == "1");
  CHECK(least("kept", "kv <= q + 1", "first", 1) == "none");
  CHECK(least("ahead", "kv < q - 2", "most", -64) == "-3");
}

TEST_CASE("claims of alignment, order and rows") {
  const std::string end = "q + L - q_len";
  CHECK(outcome("aligned", "kv <= q + kv_len - q_len", "kv_len == L",
                {{"own", end}}) == "proved");
  CHECK(outcome("aligned", "kv <= q", "all", {{"own", "q"}}) == "proved");
  CHECK(outcome("aligned", "kv <= q", "all", {{"own", end}}).substr(0, 5) ==
        "false");
  CHECK(outcome("aligned", "kv <= q + kv_len - q_len", "kv_len == L",
                {{"own", "q"}})
            .substr(0, 5) == "false");
  CHECK(outcome("aligned", "kv < q", "all", {{"own", "q"}}).substr(0, 5) ==
        "false");
  Outline model = outlineOf("kv <= q");
  for (auto [order, good] :
       {std::pair("rule == 0 and mask == 1 and softmax == 2", true),
        {"mask == 0 and rule == 1 and softmax == 2", false},
        {"rule == 0 and mask == 1 and cap == 2 and softmax == 3", false},
        {"all", false}}) {
    model.masks.back().order = order;
    CHECK((outcome(model, claimOf("leak", {})) == "proved") == good);
  }
  // A row sees itself, whatever the table says; another entry is another.
  CHECK(outcome("rows", "kv <= q and doc[q] == doc[kv]", "L >= q1",
                {{"key", "q"}}) == "proved");
  CHECK(outcome("rows", "kv <= q and doc[q] == doc[kv]", "L >= q1",
                {{"key", "0"}})
            .substr(0, 5) == "false");
  CHECK(outcome("rows", "kv <= q and doc[q] == tag[kv]", "L >= q1",
                {{"key", "q"}})
            .substr(0, 5) == "false");
  CHECK(outcome("rows", "kv <= q + kv_len - q_len",
                "kv_len == L and q_len >= q1", {{"key", "0"}})
            .substr(0, 5) == "false");
  model = outlineOf("kv <= q + kv_len - q_len", "kv_len == L and q_len >= q1");
  model.masks.back().assumed = "q_len <= L";
  CHECK(outcome(model, claimOf("rows", {{"key", "0"}})) == "proved");
  // Nothing that a certificate says is put where names stand.
  CHECK(outcome("rows", "kv <= q", "all", {{"key", "doc[$&]"}}) ==
        "unexpected `$`");
}

TEST_CASE("random masks: proofs agree with brute force") {
  unsigned proved = 0, refuted = 0, givenUp = 0;
  const unsigned cases = heed::masks::test::randomCases(3000);
  for (unsigned seed = 0; seed < cases; ++seed) {
    heed::masks::test::NamedMask named = heed::masks::test::randomMask(seed, 2);
    std::string mask = inWords(named, seed % 2 ? " and q - kv >= 0" : "");
    bool ahead = false;
    for (int64_t q = 0; q < 40 && !ahead && seed % 2 == 0; ++q)
      for (int64_t kv = q + 1; kv < 60 && !ahead; ++kv)
        for (int64_t x = 0; x <= 12 && !ahead; ++x)
          ahead = named.allows(q, kv, x);
    CAPTURE(mask);
    std::string said = outcome("ahead", mask, "0 <= X <= 12", {{"most", "0"}});
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
  CHECK(givenUp < cases / 50);
}

TEST_CASE("what the analyses find of common masks is certified") {
  using namespace heed::masks;
  Tally tally;
  for (const test::NamedMask &named : test::commonMasks()) {
    mlir::MLIRContext context;
    MaskSet mask = test::toMask(context, named);
    Outline model = outlineOf(inWords(named),
                              "X >= 0 - " + std::to_string(-named.minX) +
                                  " and X <= " + std::to_string(named.maxX));
    TileBounds tiles = computeTileBounds(mask),
               filtered = computeTileBounds(mask, {.filters = true});
    for (const TileBounds *bounds : {&tiles, &filtered}) {
      // Without a filter they are the same claims.
      if (bounds == &filtered && neededParts(tiles) == neededParts(filtered))
        continue;
      tally.count(model, "needed", neededParts(*bounds));
      tally.count(model, "full", fullParts(*bounds));
      if (bounds->exact) {
        tally.countExact(model, "needed-exact", neededParts(*bounds),
                         rowParts(mask));
        tally.countExact(model, "full-exact", fullParts(*bounds),
                         rowParts(mask));
      }
    }
    if (auto cache = partsOf(computeCacheCapacity(mask)))
      tally.countExact(model, "cache-exact", *cache, liveParts(*cache));
    tally.count(model, "ahead", partsOf(computeCausality(mask)));
    tally.count(model, "cache", partsOf(computeCacheCapacity(mask)));
    model.masks.back().given += " and L >= q1";
    tally.count(model, "rows",
                partsOf(computeRowCoverage(mask, {.amongKeys = true}), tiles));
  }
  CAPTURE(tally.proved, tally.exact, tally.notExact);
  CHECK(tally.proved > 55);
  CHECK(tally.notProved == 0);
  // A window of 1 keeps no key: no place shows that its ring is the least.
  CHECK(tally.exact >= 28);
  CHECK(tally.notExact <= 8);
}

TEST_CASE("what the analyses find of random masks is not refuted") {
  using namespace heed::masks;
  Tally tally{.maxSteps = 5000};
  const unsigned cases = test::randomCases(2000);
  for (unsigned seed = 900; seed < 900 + cases; ++seed) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    test::NamedMask named = test::randomMask(seed, 1 + seed % 2);
    MaskSet mask = test::toMask(context, named);
    Outline model = outlineOf(inWords(named), "0 <= X <= 12");
    TileOptions options{.filters = seed % 3 == 0, .allowance = 60'000};
    TileBounds tiles = computeTileBounds(mask, options);
    tally.count(model, "needed", neededParts(tiles));
    tally.count(model, "full", fullParts(tiles));
    tally.count(model, "ahead", partsOf(computeCausality(mask, 60'000)));
    tally.count(model, "cache", partsOf(computeCacheCapacity(mask, 60'000)));
    model.masks.back().given += " and L >= q1";
    tally.count(
        model, "rows",
        partsOf(computeRowCoverage(mask, {.amongKeys = true}, 60'000), tiles));
  }
  CAPTURE(tally.notProved);
  CHECK(tally.proved > 2000);
}

TEST_CASE("what a certificate says of a whole model") {
  // Masks with how far each looks ahead, or behind, and what is made of that.
  auto whole = [](Outline outline, const std::vector<std::string> &most,
                  const std::string &reads = "") {
    const std::string kind = reads.empty() ? "ahead" : "behind",
                      all = reads.empty() ? "model" : "reads";
    std::string text, error, said;
    Bases bases;
    for (Claim &claim : claimsOf(outline)) {
      claim.base = bases.of(claim);
      std::optional<std::string> proved;
      if (claim.kind == kind)
        claim.parts = {{"most", most[claim.number - Outline::FirstMask]}};
      if (claim.kind == "reads" && all == "reads")
        claim.parts = {{"most", reads}};
      if (claim.kind == kind || claim.kind == all)
        proved = certify(outline, claim, error);
      if (claim.kind == all)
        said = proved ? "proved" : "false";
      bases.add(claim, proved.has_value());
      text += proved ? *proved : print(claim) + "open\n\n";
    }
    CheckResult result = check(outline, text);
    INFO(text);
    CHECK(result.error == "");
    CHECK(llvm::any_of(result.claims["proof"], [&](const Claim &claim) {
            return claim.kind == all;
          }) == (said == "proved"));
    // A proof is not believed for the word.
    if (said == "false" && all == "model") {
      text.resize(text.rfind("claim model"));
      text += "claim model y\nproof\ncut 1 0*1\n\nclaim reads y\nopen\n\n";
      CHECK(check(outline, text).error != "");
    }
    return said;
  };
  auto model = [&](const std::string &mask, std::vector<Step> steps,
                   const std::string &most = "0") {
    Outline outline = outlineOf(mask);
    outline.outputs = {{"y", std::move(steps)}};
    return whole(outline, {most});
  };
  const Step tokens{"tokens", {}}, embed{"embed", {{0, 0}}};
  CHECK(model("kv <= q", {tokens, embed, {"attention", {{1, 0}, {1, 2}}}}) ==
        "proved");
  CHECK(model("kv <= q", {tokens,
                          embed,
                          {"attention", {{1, 0}, {1, 2}}},
                          {"residual", {{1, 0}, {2, 0}}},
                          {"attention", {{3, 0}, {3, 2}}}}) == "proved");
  // The mask looks ahead, whatever is said of it.
  for (const char *most : {"0", "1", "2147483647"})
    CHECK(model("kv <= q + 1", {tokens, {"attention", {{0, 0}, {0, 2}}}},
                most) == "false");
  CHECK(model("all", {tokens, {"attention", {{0, 0}, {0, 2}}}}) == "false");
  // What a step that is not known reads is not known.
  CHECK(model("kv <= q", {tokens, {"pool", {{0, 0}}}}) == "false");
  CHECK(model("kv <= q", {tokens, {"pool", {{0, 0}}}, {"linear", {{1, 0}}}}) ==
        "false");
  CHECK(model("kv < q - 2000000000",
              {tokens,
               {"pool", {{0, 0}}},
               {"attention", {{1, 2}}},
               {"attention", {{2, 2}}}},
              "-2000000001") == "false");

  // Together: one step ahead, then one back.
  Outline both = outlineOf("kv <= q + 1");
  both.masks.push_back({"2:1 kv < q", "kv < q"});
  auto together = [&](std::vector<Step> steps,
                      const std::vector<std::string> &most) {
    both.outputs = {{"y", std::move(steps)}};
    return whole(both, most);
  };
  const Step ahead{"attention", {{0, 0}, {0, 2}}},
      back{"attention", {{0, 0}, {1, 3}}};
  const std::vector<std::string> least = {"1", "-1"};
  CHECK(together({tokens, ahead, back}, least) == "proved");
  CHECK(together({tokens, ahead, back}, {"1", "0"}) == "false");
  CHECK(together({tokens, ahead, back}, {"0", "0"}) == "false");
  CHECK(together({tokens, ahead, {"residual", {{1, 0}, {0, 0}}}}, least) ==
        "false");
  CHECK(together({tokens, ahead, back, {"attention", {{2, 0}, {2, 2}}}},
                 least) == "false");
  CHECK(together({tokens, {"attention", {{0, 3}}}, {"attention", {{1, 2}}}},
                 least) == "proved");

  // Receptive fields: two layers of a window, one of another.
  Outline windows = outlineOf("kv <= q and q - kv < 8");
  windows.masks.push_back({"2:1 w", "kv <= q and q - kv < 100"});
  windows.outputs = {{"y",
                      {tokens,
                       {"attention", {{0, 0}, {0, 2}}},
                       {"residual", {{0, 0}, {1, 0}}},
                       {"attention", {{2, 0}, {2, 3}}},
                       {"attention", {{3, 0}, {3, 2}}}}}};
  CHECK(whole(windows, {"7", "99"}, "113") == "proved");
  CHECK(whole(windows, {"7", "99"}, "112") == "false");
  CHECK(whole(windows, {"6", "99"}, "113") == "false");
  CHECK(whole(windows, {"8", "99"}, "115") == "proved");
}

TEST_CASE("damage to a certificate is found") {
  // Every change of one character that leaves the claims as they are must be
  // refused, or be a proof as well; no change may crash or hang.
  std::string error;
  const Outline model =
      outlineOf("kv <= q and (q - kv < W or kv < 4)", "W >= 1");
  Claim claim = claimOf("needed", {{"range", "0 <= kv and q0 - W + 1 <= kv "
                                             "and kv < q1 and kv < L"},
                                   {"range", "0 <= kv < 4 and kv < L and "
                                             "kv < q1"}});
  claim.title = model.masks.back().title;
  const std::string good = alone(model, claim, *certify(model, claim, error));
  CHECK(check(model, good).error == "");
  size_t proof = good.find("proof\n") + 6, end = good.find("\n\n", proof) + 1;
  std::mt19937 random(7);
  unsigned refused = 0, tried = 0;
  for (; tried < 3000; ++tried) {
    std::string bad = good;
    size_t at = proof + random() % (end - proof);
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
    refused += !check(model, bad).error.empty();
  }
  CHECK(refused > tried * 3 / 4);

  // A multiplier, a branch, a claim.
  std::string multiplier = good;
  size_t star = multiplier.find('*', proof);
  REQUIRE(star != std::string::npos);
  multiplier.insert(star + 1, "7");
  CHECK(check(model, multiplier).error != "");
  std::string dropped = good;
  dropped.erase(good.rfind("cut"),
                good.find("\n\n", proof) + 1 - good.rfind("cut"));
  CHECK(check(model, dropped).error != "");
  for (auto [from, to, isGood] :
       std::vector<std::tuple<std::string, std::string, bool>>{
           {"q0 - W + 1", "q0 - W + 2", false},
           {"kv < 4 and", "kv < 3 and", false},
           {"kv < q1 and", "kv < q0 and", false},
           {"kv < 4 and", "kv < 5 - 1 and", true}}) {
    std::string other = good;
    other.replace(other.find(from, other.find("\nrange")), from.size(), to);
    INFO(to);
    CHECK((check(model, other).error == "") == isGood);
  }
  // What was never a certificate.
  const std::string title = "claim ahead " + model.masks.back().title + "\n";
  for (unsigned i = 0; i < 300; ++i) {
    std::string noise;
    for (unsigned n = random() % 400; n > 0; --n)
      noise += char(random() % 256);
    CHECK(check(model, noise).error != "");
    CHECK(check(model, title + "most " + noise + "\nproof\n").error != "");
    CHECK(check(model, title + "proof\n" + noise).error != "");
  }
  std::string deep = title + "proof\n";
  for (unsigned i = 0; i < 5000; ++i)
    deep += "branch 0 0\n";
  CHECK(check(model, deep).error == "line 203: too deep");
}

TEST_CASE("claims without a proof are tested") {
  auto found = [](const std::string &kind, const std::string &mask,
                  heed::masks::Parts parts, unsigned points = 500) {
    return findCounterexample(outlineOf(mask), claimOf(kind, std::move(parts)),
                              points);
  };
  const heed::masks::Parts causal = {{"most", "0"}}, first = {{"key", "0"}};
  CHECK(found("ahead", "kv <= q", causal) == "");
  CHECK(found("ahead", "kv <= q or kv == 3", causal).substr(0, 11) ==
        "false where");
  CHECK(found("ahead", "kv <= q or kv mod 5 == 2 and q mod 3 == 1", causal)
            .substr(0, 11) == "false where");
  CHECK(found("rows", "kv < q", first).substr(0, 11) == "false where");
  CHECK(found("rows", "kv <= q", first) == "");
  CHECK(found("ahead", "kv <=", causal).substr(0, 15) == "without meaning");
}
